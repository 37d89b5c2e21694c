"""The pages that rnnx has MLflow show, in a browser: charts, groups, filter, table.

`make lowest` runs this with the oldest MLflow that rnnx allows. RNNX_PICTURES=docs/images takes the
manual's screenshot.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import open_page, running_ui
from processes import eventually, run_rnnx
from single_sweep import only_sweep

pytestmark = pytest.mark.slow

SHORT = ["steps=60", "log_every=5", "eval_every=20", "sample_every=30", "baseline=never"]
PROBE = ["probe=[gradient_by_lag]", "probes.gradient_by_lag.every=30"]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The addresses of the views of a sweep with seeds, of the newest runs and of one run.

    A tracker that is told to keep them writes them into the store, as commands do.
    """
    before, folder = Path.cwd(), tmp_path_factory.mktemp("views")
    os.chdir(folder)
    said = run_rnnx("train", "-m", "cell=vanilla,lstm", "seed=0,1", *SHORT)
    sweep = only_sweep().id
    assert said.rstrip().endswith(f"rnnx ui {sweep}   opens its charts in a browser"), said
    run_rnnx("train", *SHORT, *PROBE)
    with running_ui("last") as run:
        pass
    with running_ui(sweep) as named:
        base = named.partition("#")[0]
        found = {"sweep": named, "run": base + "#" + run.partition("#")[2]}
        yield found
    os.chdir(before)


@pytest.fixture(autouse=True)
def window(browser: Any) -> Iterator[None]:
    before = browser.get_window_size()
    browser.set_window_size(1600, 1000)
    yield
    browser.set_window_size(before["width"], before["height"])


def drawn(browser: Any) -> dict[str, list[tuple[int, float]]]:
    """Title of a chart that is drawn → number of points and lowest value of each of its lines."""
    return dict(
        browser.execute_script(
            """return [...document.querySelectorAll('.js-plotly-plot')].map(plot => {
                let card = plot
                while (card && !card.querySelector('[role="heading"], h4, h5, span[title]'))
                    card = card.parentElement
                return [card ? card.innerText.split('\\n')[0] : '', plot.data
                    .filter(d => !d.fill).map(d => [(d.y || []).length, Math.min(...(d.y || []))])]
            })"""
        )
    )


def test_a_sweep(browser: Any, pages: dict[str, str], tmp_path: Path) -> None:
    shown = open_page(browser, pages["sweep"], "4 matching runs", "Loss by step", "Group: lstm")
    assert "Group: vanilla" in shown and "sweep cell, seed" not in shown  # the parent is left out
    eventually(lambda: len(drawn(browser)) >= 3, 60)
    print(drawn(browser))
    time.sleep(2)
    name = Path(os.environ.get("RNNX_PICTURES", tmp_path)) / "views.png"
    browser.save_screenshot(str(name))
