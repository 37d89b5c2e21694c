"""`rnnx ui` and what a browser shows of a run."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import open_page, running_ui
from selenium.webdriver.common.by import By

import rnnx

pytestmark = pytest.mark.slow


@pytest.fixture
def ui(curve: None) -> Iterator[tuple[str, str]]:
    """The address that `rnnx ui` printed and the id of a run in its store."""
    run = rnnx.train(["steps=30", "log_every=1", "eval_every=5"])
    with running_ui() as address:
        yield address, run.run_id


def test_a_run_in_the_browser(browser: Any, ui: tuple[str, str], tmp_path: Path) -> None:
    address, run_id = ui
    assert "rnnx" in open_page(browser, address, "rnnx")
    home = f"{address.split('#')[0]}#/experiments/1"
    shown = open_page(browser, f"{home}/runs", "Runs", "steps=30")
    assert "Model training" in shown  # the mode of runs and metrics
    told = "train/loss", "cell.hidden_size", "last-step-30"  # which come one after the other
    shown = open_page(browser, f"{home}/runs/{run_id}", *told)
    assert "Finished" in shown
    assert "rnnx.config_hash" in shown
    for text in ("Best held-out loss", "rnnx train steps=30", "dinosaurs ("):
        assert text in shown
    named = "last-step-30", "steps=30 log_every=1 eval_every=5"  # the run's name comes later
    shown = open_page(browser, f"{home}/models", *named)
    assert "best-step-" in shown
    open_page(browser, f"{home}/runs/{run_id}/model-metrics", "val_loss", "final")
    final = browser.find_element(By.XPATH, "//*[contains(text(), 'final')]")
    browser.execute_script("arguments[0].scrollIntoView({block: 'start'})", final)
    browser.find_element(By.XPATH, "//*[contains(text(), 'baseline_loss')]")  # drawn when in sight
    shown = open_page(browser, f"{home}/runs/{run_id}/artifacts", "checkpoints", "loss.png")
    assert "samples.csv" in shown
    assert "config.yaml" in shown


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="asks Linux who listens where")
def test_it_listens_on_the_loopback_alone(ui: tuple[str, str]) -> None:
    port = int(re.search(r":(\d+)", ui[0])[1])
    lines = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    listening = [line[1] for line in lines if line[3] == "0A"]  # local address, state LISTEN
    assert [place for place in listening if place.endswith(f":{port:04X}")] == [
        f"0100007F:{port:04X}"
    ]
