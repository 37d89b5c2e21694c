"""`rnnx ui` and what a browser shows of a run."""

import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

import rnnx

pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


@pytest.fixture
def ui(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The address that `rnnx ui` printed and the id of a run in its store."""
    run = rnnx.train(["steps=30", "log_every=1", "eval_every=5"])
    port = free_port()
    command = [sys.executable, "-m", "rnnx", "ui", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        said = server.stdout.readline()
        address = re.match(r"http://\S+", said)
        assert address, said
        for _ in range(120):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)
                break
            except OSError:
                time.sleep(0.5)
        yield address[0], run.run_id
        server.terminate()
        server.wait()
    # Its workers have gone with it.
    for _ in range(40):
        with socket.socket() as asked:
            if asked.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.25)
    pytest.fail("the server outlived rnnx ui")


def page(browser, address: str, *texts: str) -> str:
    """Open an address and wait until the page holds every text."""
    browser.get("about:blank")
    browser.get(address)
    for text in texts:
        browser.find_element(By.XPATH, f"//*[contains(text(), '{text}')]")
    return str(browser.find_element(By.TAG_NAME, "body").text)


def test_a_run_in_the_browser(browser, ui: tuple[str, str], tmp_path: Path) -> None:
    address, run_id = ui
    assert "rnnx" in page(browser, address, "rnnx")
    home = f"{address.split('#')[0]}#/experiments/1"
    shown = page(browser, f"{home}/runs", "Runs", "steps=30")
    assert "Model training" in shown  # the mode of runs and metrics
    shown = page(browser, f"{home}/runs/{run_id}", "train/loss", "cell.hidden_size")
    assert "Finished" in shown
    assert "rnnx.config_hash" in shown
    page(browser, f"{home}/runs/{run_id}/model-metrics", "val_loss", "baseline_loss")
    shown = page(browser, f"{home}/runs/{run_id}/artifacts", "checkpoints", "loss.png")
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
