"""A plugin of each kind, generated, installed, tested, trained, listed and uninstalled."""

import json
from pathlib import Path

import pytest
from environments import Venv

from rnnx.contracts.components import KINDS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def author(venv: Venv) -> Venv:
    """The wheel's environment with what an author's has: pytest, hypothesis, a build backend."""
    venv.pip("install", "hatchling", "pytest", "hypothesis")
    return venv


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_goes_its_whole_way(kind: str, author: Venv, tmp_path: Path) -> None:
    name, component = f"rnnx-new-{kind}", f"new_{kind}"
    said = author.run(tmp_path, "rnnx", "new-plugin", name, "--kind", kind)
    assert f"next: cd {name}" in said
    project = tmp_path / name
    author.pip("install", "--no-deps", "--no-build-isolation", str(project))
    try:
        assert "passed" in author.run(project, "python", "-m", "pytest", "-q")
        work = tmp_path / "work"
        work.mkdir()
        tracker = [] if kind == "tracker" else ["tracker=none"]
        said = author.run(work, "rnnx", "train", f"experiment={component}", "steps=20", *tracker)
        assert "step 20/20" in said
        found = json.loads(author.run(work, "rnnx", "plugins", "--json", "--strict"))
        (own,) = [c for c in found["components"] if c["distribution"] == name]
        assert (own["kind"], own["name"]) == (kind, component)
        assert found["failures"] == []
    finally:
        author.pip("uninstall", "-y", name)
    assert component not in author.run(tmp_path, "rnnx", "plugins", "--strict")
    said = author.run(work, "rnnx", "train", f"experiment={component}", code=2)
    assert "there is no such experiment" in said
