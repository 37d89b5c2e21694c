"""Fresh virtual environments and a browser: made once for all slow tests."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from environments import Venv

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out what -m does
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests of this folder are slow."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """rnnx's wheel, built from a copy: the checkout stays as it is."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    kept = ["rnnx", "plugins", "conf", "pyproject.toml", "README.md", "LICENSE"]
    for name in kept:
        there, here = ROOT / name, source / name
        here.parent.mkdir(parents=True, exist_ok=True)
        if there.is_dir():
            shutil.copytree(there, here, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(there, here)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, source]
    subprocess.run(command, check=True)
    (found,) = folder.glob("rnnx-*.whl")
    return found


@pytest.fixture(scope="session")
def venv(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Venv:
    """A virtual environment with the wheel and what it needs, away from the checkout."""
    made = Venv(tmp_path_factory.mktemp("venv") / "venv")
    made.pip("install", str(wheel))
    return made


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        message = "chromium and chromedriver are not on the PATH"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    options = webdriver.ChromeOptions()
    options.binary_location = program
    quiet = ["--no-first-run", "--disable-background-networking", "--disable-component-update"]
    for flag in ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1500,1000", *quiet]:
        options.add_argument(flag)
    with webdriver.Chrome(options=options, service=Service(driver)) as opened:
        opened.implicitly_wait(20)
        yield opened
