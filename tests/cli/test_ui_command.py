"""Which page `rnnx ui` opens."""

import shutil
from pathlib import Path

import pytest
from tiny import tiny

import rnnx
from rnnx.cli import ui
from rnnx.errors import ConfigError, RunNotFound
from rnnx.runs.sweep_folder import Sweep


def opened(name: str | None, *overrides: str) -> str:
    return ui._page(ui._asked(name, overrides), 5001).address


def test_it_opens_the_charts_of_what_is_named(
    names: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(empty_store, "mlflow.db")
    assert opened(None).endswith("#/experiments")  # no runs yet
    first, second = (rnnx.train(tiny(names, "tracker=mlflow", f"seed={n}")) for n in (0, 1))
    newest, run = opened(None), opened(first.run_id)
    assert "viewStateShareKey=rnnx-" in newest and "viewStateShareKey=rnnx-" in run
    assert newest != run != opened("last") == opened(second.run_id[:8])
    assert opened(str(first.folder.path)) == run

    sweep = Sweep(Path("outputs/sweeps/abcdef"))
    (sweep.path / "jobs").mkdir(parents=True)
    sweep.write({"swept": ["seed"], "tracker": {"name": "mlflow"}})
    second.folder.write({"sweep": sweep.id})
    assert opened("abc") == opened(str(sweep.path)) == opened("last") not in (newest, run)
    with pytest.raises(RunNotFound, match="no such run"):
        opened("nosuch")

    place = str(first.folder.path.resolve())
    monkeypatch.chdir("/")  # the run's project has its store
    assert opened(place) == run


def test_a_browser_refuses_some_ports() -> None:
    for port in (5060, 6000, 6566, 6667, 10080):
        with pytest.raises(ConfigError, match=f"--port {port}: browsers refuse"):
            ui.open_ui(None, [], port)
