"""A sweep as a browser shows it. RNNX_PICTURES=docs/images takes the README's screenshots."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import open_page, running_ui
from processes import eventually, run_rnnx
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from single_sweep import only_sweep

from rnnx.runs.folder import runs_in

pytestmark = pytest.mark.slow

SWEEP = ["cell=vanilla,lstm", "seed=0,1", "steps=200", "log_every=5", "eval_every=20"]
SWEEP += ["sample_every=50", "probe=gradient_by_lag", "probes.gradient_by_lag.every=50"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The experiment's address; a sweep of four runs is in its store."""
    before, folder = Path.cwd(), tmp_path_factory.mktemp("sweep")
    os.chdir(folder)
    run_rnnx("train", "-m", *SWEEP)
    with running_ui() as address:
        yield f"{address.split('#')[0]}#/experiments/1"
    os.chdir(before)


@pytest.fixture(autouse=True)
def there(home: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    os.chdir(next(tmp_path_factory.getbasetemp().glob("sweep*")))


def picture(browser: Any, name: str, tmp_path: Path) -> None:
    for close in browser.find_elements(By.XPATH, "//button[@aria-label='Close']"):
        close.click()
    browser.save_screenshot(str(Path(os.environ.get("RNNX_PICTURES", tmp_path)) / f"{name}.png"))


def run_named(name: str) -> str:
    (found,) = [f.id for f in runs_in(Path("outputs")) if f.read()["name"] == name]
    return found


def test_the_tree_of_parent_and_children(browser: Any, home: str, tmp_path: Path) -> None:
    shown = open_page(browser, f"{home}/runs", "sweep cell, seed")
    assert "cell=lstm seed=0" not in shown  # below its parent, and closed at first
    opening = "//*[contains(@class, 'ag-row')]//button[contains(@data-component-id, 'runname')]"
    browser.find_element(By.XPATH, opening).click()
    for cell in ("vanilla", "lstm"):
        for seed in (0, 1):
            browser.find_element(By.XPATH, f"//*[contains(text(), 'cell={cell} seed={seed}')]")
    picture(browser, "sweep_tree", tmp_path)


def test_a_filter_finds_what_nesting_hides(browser: Any, home: str) -> None:
    query = "tags.%60sweep.cell%60+%3D+%22lstm%22"
    open_page(browser, f"{home}/runs?searchFilter={query}", "cell=lstm seed=0", "cell=lstm seed=1")
    # The page may show all rows for a moment before it asks for those of the filter.
    body = browser.find_element(By.TAG_NAME, "body")
    eventually(lambda: "cell=vanilla" not in body.text, 30)
    assert "cell=lstm seed=0" in body.text and "cell=lstm seed=1" in body.text


def test_two_runs_compared(browser: Any, home: str, tmp_path: Path) -> None:
    two = json.dumps([run_named("cell=vanilla seed=0"), run_named("cell=lstm seed=0")])
    runs = two.replace(" ", "")
    start = home.split("#", maxsplit=1)[0]
    address = f"{start}#/compare-runs?runs={runs}&experiments=[%221%22]"
    columns = ["cell.name", "best/val_loss", "sweep.cell"]
    shown = open_page(browser, address, "Comparing 2 Runs", *columns)
    assert "cell=lstm seed=0" in shown and "cell=vanilla seed=0" in shown


def test_samples_by_step(browser: Any, home: str) -> None:
    run_id = run_named("cell=lstm seed=0")
    samples = f"{home}/runs/{run_id}/artifacts/samples"
    open_page(browser, samples, "step_000050.txt", "step_000200.txt")
    (folder,) = [f for f in runs_in(Path("outputs")) if f.id == run_id]
    first = (folder.path / "samples/step_000050.txt").read_text().split()[0]
    open_page(browser, f"{samples}/step_000050.txt", first)


def test_a_picture_with_its_slider(browser: Any, home: str, tmp_path: Path) -> None:
    run_id = run_named("cell=lstm seed=0")
    open_page(browser, f"{home}/runs/{run_id}/model-metrics", "val_loss")
    search = browser.find_element(By.XPATH, "//input[@placeholder='Search metric charts']")
    search.send_keys("gradient_by_lag_norm")
    slider = browser.find_element(By.XPATH, "//*[@role='slider']")
    assert (slider.get_attribute("aria-valuemin"), slider.get_attribute("aria-valuemax")) == (
        "1",
        "200",
    )
    line = slider.find_element(By.XPATH, "./ancestor::*[@data-orientation][1]")
    ActionChains(browser).move_to_element(line).click().perform()  # its middle
    shown = browser.find_element(By.XPATH, "//img[contains(@src, 'gradient_by_lag_norm')]")
    assert slider.get_attribute("aria-valuenow") == "100"
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", shown)
    time.sleep(2)
    picture(browser, "slider", tmp_path)


def test_the_page_of_the_parent(browser: Any, home: str, tmp_path: Path) -> None:
    parent = only_sweep().read()["parent"]
    shown = open_page(browser, f"{home}/runs/{parent}/artifacts/comparison.html", "ranking.csv")
    assert "figures" in shown
    browser.switch_to.frame(browser.find_element(By.TAG_NAME, "iframe"))
    time.sleep(1)
    shown = browser.find_element(By.TAG_NAME, "body").text
    browser.switch_to.default_content()
    assert "cell=lstm seed=1" in shown and "Over seeds" in shown
    picture(browser, "sweep_page", tmp_path)
