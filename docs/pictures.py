"""Makes the README's images from real runs: python docs/pictures.py (needs tmux, chromium)."""

import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from rich.console import Console
from rich.text import Text
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

IMAGES = Path(__file__).resolve().parent / "images"
RNNX = f"{sys.executable} -m rnnx"
PORT = 5077


def terminal() -> None:
    """Train the default run in a terminal of 100 columns and save what it shows as SVG."""
    tmux = ["tmux", "-L", "pictures"]
    screen = [*tmux, "new-session", "-d", "-x", "100", "-y", "36", f"{RNNX} train; sleep 60"]
    subprocess.run(screen, check=True)
    shown = ""
    while "rnnx ui" not in shown:
        time.sleep(1)
        shown = subprocess.check_output([*tmux, "capture-pane", "-e", "-p"], text=True).rstrip()
    subprocess.run([*tmux, "kill-server"], check=True)
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=100, file=nowhere)
        console.print(Text.from_ansi(re.sub(r"\x1b\(B", "", shown)))
    console.save_svg(str(IMAGES / "train.svg"), title="rnnx train")


def page() -> None:
    """Save a screenshot of the chart view of MLflow's UI."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--window-size=1600,1000"):
        options.add_argument(flag)
    command = [*RNNX.split(), "ui", "--port", str(PORT)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    address = server.stdout.readline().split()[0]  # with the charts that rnnx keeps there
    for _ in range(60):
        time.sleep(0.5)
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{PORT}/health", timeout=5)
            break
        except OSError:
            continue
    with webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver")) as browser:
        browser.implicitly_wait(20)
        browser.get(address)
        browser.find_element(By.XPATH, "//*[contains(text(), 'Loss by step')]")
        for close in browser.find_elements(By.XPATH, "//button[@aria-label='Close']"):
            close.click()
        time.sleep(8)
        browser.save_screenshot(str(IMAGES / "ui.png"))
    server.terminate()


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    os.chdir(tempfile.mkdtemp())
    terminal()
    for cell in ("gru", "vanilla"):
        subprocess.run([*RNNX.split(), "train", f"cell={cell}"], check=True)
    page()
