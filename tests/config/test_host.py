"""What a host process and its environment bring along: rnnx works with it and leaves it be."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.version import VersionBase
from omegaconf import OmegaConf
from packaging.version import Version

from rnnx.config.compose import compose


def test_a_hosts_hydra_and_resolvers_are_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VersionBase.instance(), "version_base", Version("1.1"))
    OmegaConf.clear_resolver("now")
    OmegaConf.register_new_resolver("mine", lambda: 3)
    compose(["cell=gru"])
    assert VersionBase.instance().getbase() == Version("1.1")
    assert not OmegaConf.has_resolver("now")
    assert OmegaConf.create({"a": "${mine:}"}).a == 3
    OmegaConf.clear_resolver("mine")


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("__init__.py", ""),  # hides the plugins of all other packages
        ("bad.py", "Hydra plugin hydra_plugins.bad in {folder}: ValueError: boom; repair or "),
        ("leaves.py", "Hydra plugin hydra_plugins.leaves in {folder}: SystemExit: 3; repair or "),
    ],
)
def test_hydra_plugins_of_others_cost_themselves_alone(
    file: str, line: str, tmp_path: Path
) -> None:
    folder = tmp_path / "theirs" / "hydra_plugins"
    folder.mkdir(parents=True)
    text = {"bad.py": "raise ValueError('boom')", "leaves.py": "raise SystemExit(3)"}.get(file, "")
    (folder / file).write_text(text)
    code = """
from rnnx.config.hydra_plugins import find_hydra_plugins
from rnnx.config.compose import compose
print(*find_hydra_plugins())
print(compose(["hydra/sweeper=optuna"])["cell"]["name"])
"""
    path = os.pathsep.join([str(folder.parent), *sys.path])
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    assert found.returncode == 0, found.stderr
    said, cell = found.stdout.splitlines()
    assert said.startswith(line.format(folder=folder))
    assert bool(said) == bool(line)
    assert cell == "lstm"
