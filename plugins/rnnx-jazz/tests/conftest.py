"""Tests leave nothing behind, and train once."""

from pathlib import Path

import pytest

import rnnx
from rnnx.models.trained import Model
from rnnx.training.run import Run
from rnnx_jazz.music import Tune
from rnnx_jazz.reading import read_music
from rnnx_jazz.scores import Choice, tune_of


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RNNX_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def tunes() -> list[Tune]:
    """The embedded lead sheets."""
    return [tune_of(score, Choice(), "x") for score in read_music("", "x").scores]


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A short run of the experiment, kept in MLflow."""
    folder = tmp_path_factory.mktemp("run")
    return rnnx.train(
        [
            *("experiment=jazz", "steps=60", "eval_every=30", "sample_every=0", "samples=1"),
            f"outputs={folder}/outputs",
            f"tracker.uri=sqlite:///{folder}/mlflow.db",
        ]
    )


@pytest.fixture(scope="session")
def model(run: Run) -> Model:
    return run.model
