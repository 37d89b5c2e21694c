"""The page of a thousand runs as a browser shows it: light, dark, wide and narrow."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By

from rnnx.comparison.compare import rank_runs
from rnnx.comparison.page import write_page
from rnnx.comparison.runs import ComparedRun
from rnnx.runs.folder import RunFolder

pytestmark = pytest.mark.slow

CONFIGURATIONS, SEEDS = 100, 10


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a sweep of a thousand runs with three points each."""
    outputs = tmp_path_factory.mktemp("project") / "outputs"
    runs = []
    for number in range(CONFIGURATIONS * SEEDS):
        size, seed = divmod(number, SEEDS)
        folder = RunFolder(outputs / f"{number:08}")
        folder.path.mkdir(parents=True)
        loss = 2 + 0.01 * size + 0.02 * (seed * 7 % SEEDS)
        points = [["val/loss", loss + 1 / step, step, 0] for step in (1, 50, 100)]
        folder.metrics.write_text("".join(f"{json.dumps(point)}\n" for point in points), "utf-8")
        settings = {"cell.hidden_size": str(size), "seed": str(seed)}
        name, metrics = f"cell.hidden_size={size} seed={seed}", {"best/val_loss": loss}
        of = (name, "FINISHED", folder.id, "", settings, metrics, f"{size}", folder)
        runs.append(ComparedRun(*of, {"seed": seed, "split_sha256": "a" * 64}))
    page = outputs / "sweeps" / "one" / "comparison.html"
    page.parent.mkdir(parents=True)
    write_page(rank_runs(runs, "sweep one", "best/val_loss"), page)
    return page


@pytest.fixture
def at(browser: Any) -> Iterator[Any]:
    """Opens the page in a window of this width, in light or dark colours."""

    def opened(page: Path, width: int, colors: str) -> Any:
        size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        wanted = [{"name": "prefers-color-scheme", "value": colors}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": wanted})
        browser.get(page.as_uri())
        return browser

    yield opened
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.mark.parametrize(("width", "colors"), [(1600, "light"), (1600, "dark"), (420, "dark")])
def test_a_thousand_runs_are_easy_to_read(at: Any, page: Path, width: int, colors: str) -> None:
    browser = at(page, width, colors)
    assert len(browser.find_elements(By.TAG_NAME, "tr")) == 2 + CONFIGURATIONS * (SEEDS + 1)
    # Tables scroll by themselves: nothing is beside the window, and the figures are near.
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    (finals,) = browser.find_elements(By.ID, "finals")
    assert finals.location["y"] < 5000
    ink, paper = (
        sum(map(int, shown.strip("rgba()").split(",")[:3]))
        for key in ("color", "background-color")
        for shown in [browser.find_element(By.TAG_NAME, "body").value_of_css_property(key)]
    )
    assert (ink > 600 and paper < 120) if colors == "dark" else (ink < 120 and paper > 600)


def test_a_runs_link_opens_its_folder(at: Any, page: Path) -> None:
    browser = at(page, 1600, "light")
    link = browser.find_element(By.LINK_TEXT, "00000000")
    link.click()
    assert browser.current_url == (page.parents[2] / "00000000").as_uri() + "/"
    assert "metrics.jsonl" in browser.find_element(By.TAG_NAME, "body").text
