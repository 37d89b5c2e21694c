"""docs/tutorial/first-cell.md as a reader follows it: each file written, each command run."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from environments import Venv

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/tutorial/first-cell.md"
FENCE = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def steps() -> list[tuple[str, str]]:
    """("$", command) and (path, text), in the order of the page."""
    found = []
    for language, title, text in FENCE.findall(PAGE.read_text("utf-8")):
        if language == "sh":
            found += [("$", line) for line in text.splitlines()]
        elif title:
            found.append((title, text))
    return found


def test_the_tutorial_takes_fewer_than_fifteen_commands() -> None:
    assert 5 < sum(kind == "$" for kind, _ in steps()) < 15


def test_the_tutorial_works(venv: Venv, tmp_path: Path) -> None:
    # The wheel is installed already, from here and not from an index; so is what it may need.
    venv.pip("install", "hatchling", "editables", "pytest", "hypothesis", "autograd")
    place = tmp_path
    try:
        for kind, text in steps():
            if kind != "$":
                (place / kind).write_text(text, "utf-8")
                continue
            words = shlex.split(text)
            if words[0] == "cd":
                place /= words[1]
            elif words[:3] == ["pip", "install", "-e"]:
                assert words[3] == ".[test]"
                venv.pip("install", "--no-deps", "--no-build-isolation", "-e", str(place))
            elif words[0] != "pip":
                said = venv.run(place, *words)
                assert "failed" not in said or ", 0 failed" in said
    finally:
        venv.pip("uninstall", "-y", "rnnx-tide")


def test_the_example_plugin_is_a_third_partys(venv: Venv, tmp_path: Path) -> None:
    """Installed, tested and trained as anybody's."""
    venv.pip("install", "hatchling", "pytest", "hypothesis", "autograd")
    project = tmp_path / "rnnx-example"
    shutil.copytree(ROOT / "plugins/rnnx-example", project)
    venv.pip("install", "--no-deps", "--no-build-isolation", str(project))
    try:
        assert "passed" in venv.run(project, "python", "-m", "pytest", "-q")
        said = venv.run(tmp_path, "rnnx", "train", "experiment=tide", "steps=5", "tracker=none")
        assert "step 5/5" in said
        assert "all plugins are ok" in venv.run(tmp_path, "rnnx", "plugins", "doctor")
    finally:
        venv.pip("uninstall", "-y", "rnnx-example")
