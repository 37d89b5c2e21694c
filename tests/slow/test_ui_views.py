"""The pages that rnnx has MLflow show, in a browser: charts, groups, filter, table.

`make lowest` runs this with the oldest MLflow that rnnx allows. RNNX_PICTURES=docs/images takes the
manual's screenshot.
"""

import os
import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from browsing import running_ui
from processes import eventually, run_rnnx
from selenium.webdriver.common.by import By
from single_sweep import only_sweep

from rnnx.comparison.pages import newest_runs
from rnnx.comparison.views import shown_of_folders, view_of_run
from rnnx.contracts import View
from rnnx.runs.named import find_folders
from rnnx_builtin.trackers.mlflow_store import MLflow

pytestmark = pytest.mark.slow

SHORT = ["steps=60", "log_every=5", "eval_every=20", "sample_every=30", "baseline=never"]
PROBE = ["probe=[gradient_by_lag,distributions]", "probes.gradient_by_lag.every=30"]
PROBE += ["probes.distributions.every=20"]
LOADING = 90  # seconds
# Metric → lines: the number of points of each and its lowest value.
LINES = """
const found = {}
for (const plot of document.querySelectorAll('.js-plotly-plot'))
    for (const line of plot.data)
        if (line.metricKey && line.y && line.line.color !== 'transparent')
            (found[line.metricKey] ??= []).push([line.y.length, Math.min(...line.y)])
return found
"""
BARS = """
return [...document.querySelectorAll('.js-plotly-plot')]
    .flatMap(plot => plot.data).filter(d => d.type === 'bar').map(d => [...d.x])
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a sweep's page; a run with a probe is in its store, too."""
    before, folder = Path.cwd(), tmp_path_factory.mktemp("views")
    os.chdir(folder)
    said = run_rnnx("train", "-m", "cell=vanilla,lstm", "seed=0,1", *SHORT)
    sweep = only_sweep().id
    assert said.rstrip().endswith(f"rnnx ui {sweep}   opens its charts in a browser"), said
    run_rnnx("train", *SHORT, *PROBE)
    with running_ui(sweep) as address:
        yield address
    os.chdir(before)


@pytest.fixture(autouse=True)
def home(page: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    os.chdir(next(tmp_path_factory.getbasetemp().glob("views*")))


@pytest.fixture(autouse=True)
def window(browser: Any) -> Iterator[None]:
    before = browser.get_window_size()
    browser.set_window_size(1600, 1000)
    yield
    browser.set_window_size(before["width"], before["height"])


def show(browser: Any, address: str, *texts: str) -> Callable[[], str]:
    """Open a page and wait until it holds all of ``texts``; a function that reads it."""

    def text() -> str:
        return str(browser.find_element(By.TAG_NAME, "body").text)

    browser.get("about:blank")
    browser.get(address)
    eventually(lambda: all(one in text() for one in texts), LOADING)
    return text


def scroll_until(browser: Any, heading: str, question: Callable[[], object]) -> None:
    """Show a section until ``question`` is true: charts above that load move it."""

    def answer() -> object:
        (found,) = browser.find_elements(By.XPATH, f"//*[text()='{heading}']")
        browser.execute_script("arguments[0].scrollIntoView({block: 'start'})", found)
        time.sleep(1)  # a chart is drawn when it has been in sight for a while
        return question()

    eventually(answer, LOADING)


def release(package: str) -> tuple[int, ...]:
    """The first two numbers of the version that is installed: 3.10.1 → (3, 10)."""
    major, minor = version(package).split(".")[:2]
    return int(major), int(minor)


def address_of(view: View, page: str) -> str:
    """The page of another view on the server that runs."""
    made = MLflow().view(view, "127.0.0.1", 5000).address
    return page.partition("#")[0] + "#" + made.partition("#")[2]


def test_a_sweep(browser: Any, page: str, tmp_path: Path) -> None:
    text = show(browser, page, "4 matching runs", "Loss by step", "Group: lstm", "Group: vanilla")
    assert "sweep cell, seed" not in text()  # the run that stands for the sweep
    expected = {"train/loss": 13, "train/smooth_loss": 13, "val/loss": 3}

    def drawn() -> dict[str, set[int]]:
        lines = browser.execute_script(LINES)
        return {key: {points for points, _ in lines[key]} for key in lines}

    eventually(lambda: all(drawn().get(k) == {n} for k, n in expected.items()), LOADING)
    runs = [run for run in MLflow().runs(10) if run.tags.get("sweep.id")]
    of_cell = [
        mean(run.metrics["val/loss"] for run in runs if run.tags.get("sweep.cell") == cell)
        for cell in ("vanilla", "lstm")
    ]
    lowest = {round(low, 6) for _, low in browser.execute_script(LINES)["val/loss"]}
    assert lowest == {round(loss, 6) for loss in of_cell}
    eventually(lambda: browser.execute_script(BARS), LOADING)
    (bars,) = browser.execute_script(BARS)
    assert sorted(bars) == pytest.approx(sorted(of_cell))  # the last loss of each is its best
    time.sleep(1)  # notices of MLflow's fade
    browser.save_screenshot(str(Path(os.environ.get("RNNX_PICTURES", tmp_path)) / "views.png"))


def test_the_table_of_a_sweep(browser: Any, page: str) -> None:
    table = page.replace("compareRunsMode=CHART&", "")
    text = show(browser, table, "4 matching runs", "best/val_loss", "cell.name", "seed")
    assert "optimizer.learning_rate" not in text()


def test_a_run(browser: Any, page: str) -> None:
    (folder,) = find_folders("last", Path("outputs"))
    view = view_of_run(folder.entry, shown_of_folders([folder]))
    text = show(browser, address_of(view, page), "1 matching run", "Loss by step", "Images")
    assert "Group:" not in text()
    probed = {f"gradient_by_lag/{lag:03}" for lag in (0, 1, 2, 5)}
    scroll_until(browser, "Probes", lambda: probed <= set(browser.execute_script(LINES)))
    # MLflow loads the image when its middle is in sight, which a run's long name pushes away.
    scroll_until(browser, "Images", lambda: "gradient_by_lag_norm" in text())


def test_the_quantiles_of_a_run_are_lines_of_one_chart(browser: Any, page: str) -> None:
    (folder,) = find_folders("last", Path("outputs"))
    view = view_of_run(folder.entry, shown_of_folders([folder]))
    show(browser, address_of(view, page), "1 matching run", "Loss by step")
    name = next(key for key in sorted(folder.summary().metrics) if key.startswith("gates."))
    keys = [f"{name.partition('/')[0]}/q{per_cent}" for per_cent in (10, 25, 50, 75, 90)]
    scroll_until(browser, "Probes", lambda: {*keys} <= set(browser.execute_script(LINES)))
    drawn = browser.execute_script(LINES)
    for key in keys:
        values = [point.value for point in MLflow().history(folder.entry, key)]
        assert len(values) == 4
        assert {count for count, _ in drawn[key]} == {4}
        assert all(low == pytest.approx(min(values)) for _, low in drawn[key])


def test_a_page_on_disk_leads_to_the_tracker(browser: Any, page: str) -> None:
    sweep, server = only_sweep(), page.partition("/?")[0]
    browser.get((sweep.path / "comparison.html").resolve().as_uri())
    links = {
        link.text: str(link.get_attribute("href")).replace("http://127.0.0.1:5000", server)
        for link in reversed(browser.find_elements(By.TAG_NAME, "a"))
    }
    assert "cell, seed" in show(browser, links[f"sweep {sweep.id}"], "jobs: 4 finished")()
    runs = [run for run in MLflow().runs(10) if run.tags.get("sweep.id")]
    best = min(run.metrics["best/val_loss"] for run in runs if run.tags.get("sweep.cell"))
    shown = show(browser, links["page"], f"Best held-out loss {best:.4f}")()  # of the first row
    # The side for language models: until 3.14 the menu follows the browser's last choice alone.
    assert ("Evaluation runs" in shown) == (release("mlflow") < (3, 15))
    show(browser, links["charts"], "4 matching runs", "Loss by step", "Group: lstm")


def test_the_newest_runs(browser: Any, page: str) -> None:
    view = newest_runs(MLflow(), Path("outputs"))
    assert view is not None
    text = show(browser, address_of(view, page), "5 matching runs", "Loss by step")
    assert "sweep cell, seed" not in text() and "Group:" not in text()
    eventually(lambda: len(browser.execute_script(LINES).get("val/loss", [])) >= 5, LOADING)
