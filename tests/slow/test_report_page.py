"""The report as a browser shows it, from disk: nothing is loaded, nothing sticks out."""

import os
from pathlib import Path
from typing import Any

import pytest
from processes import run_rnnx
from selenium.webdriver.common.by import By

from rnnx.comparison.compare import compare

pytestmark = pytest.mark.slow

SWEEP = ["cell=vanilla,gru", "seed=0,1", "steps=40", "cell.hidden_size=8", "sample_every=20"]
SWEEP += ["eval_every=20", "log_every=5", "baseline=never", "tracker=none"]
SWEEP += ["probe=distributions", "probes.distributions.every=10"]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    before, folder = Path.cwd(), tmp_path_factory.mktemp("report")
    os.chdir(folder)
    try:
        run_rnnx("train", "-m", *SWEEP)
        run_rnnx("report", "last")
    finally:
        os.chdir(before)
    return folder / "report.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1600, 400])
def test_it_opens_from_disk_at_any_width(
    scheme: str, width: int, page: Path, browser: Any, tmp_path: Path
) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        browser.get(page.as_uri())
        images = browser.find_elements(By.TAG_NAME, "img")
        assert len(images) >= 4
        assert all(image.get_property("naturalWidth") > 100 for image in images)
        measured = "return document.documentElement.scrollWidth"
        assert browser.execute_script(measured) <= width
        loaded = "return performance.getEntriesByType('resource').map(entry => entry.name)"
        assert all(name.startswith("data:") for name in browser.execute_script(loaded))
        colors = "return ['color', 'background-color'].map(key => getComputedStyle(%s)[key])"
        ink, paper = browser.execute_script(colors % "document.body")
        assert (brightness(ink) < brightness(paper)) == (scheme == "light")
        for sign in browser.find_elements(By.CSS_SELECTOR, "pre .s4")[:1]:
            ink, paper = browser.execute_script(colors % "arguments[0]", sign)
            assert abs(brightness(ink) - brightness(paper)) > 250
        browser.save_screenshot(str(tmp_path / f"{scheme}_{width}.png"))
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def brightness(color: str) -> int:
    """The sum of the first three numbers of ``rgb(1, 2, 3)``."""
    return sum(int(number) for number in color.partition("(")[2].strip(")").split(",")[:3])


def test_it_says_what_the_folders_hold(page: Path, browser: Any) -> None:
    browser.get(page.as_uri())
    shown = browser.find_element(By.TAG_NAME, "body").text
    before = Path.cwd()
    os.chdir(page.parent)
    try:
        found = compare(["last"])
    finally:
        os.chdir(before)
    for run in found.runs:
        assert run.name in shown and f"{run.metrics['best/val_loss']:.4f}" in shown
    for heading in ("To repeat it", "Data", "Environment", "Settings that differ", "Settings"):
        assert browser.find_elements(By.XPATH, f"//h2[text()='{heading}']")
    steps = browser.find_elements(By.XPATH, "//h3[@id='steps']/following-sibling::div[1]//h4")
    assert [step.text for step in steps] == ["step 1", "step 20", "step 40", "step 40, the end"]
