"""Sweeps of runs that monitor a metric of which more is better."""

import csv
import json
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from sequence_tasks import TASKS
from single_sweep import only_sweep, results

from rnnx.cli.hydra_app import main
from rnnx.cli.runs import show_runs
from rnnx.errors import ConfigError
from rnnx.sweeps.study import STUDY, optuna, study_storage

SWEEP = [
    "tracker=none",
    "dataset=tags",
    "monitor=val/accuracy",
    "cell.hidden_size=6",
    "batch_size=4",
    "dropout=0",
    "layers=1",
    "steps=30",
    "eval_every=10",
    "hydra/launcher=basic",
]


@pytest.fixture(autouse=True)
def tasks(install: Callable[..., EntryPoint]) -> None:
    install(TASKS)


def test_a_grid_is_ranked_by_the_highest() -> None:
    assert main([*SWEEP, "optimizer.learning_rate=0.000001,0.05"], multirun=True) == 0
    values = [result.best for result in sorted(results(), key=lambda one: one.cost)]
    assert values == sorted(values, reverse=True) and values[0] != values[1]
    with (only_sweep().path / "ranking.csv").open(encoding="utf-8") as file:
        told = [row["best/val_accuracy"] for row in csv.DictReader(file)]
    assert told == [f"{value:.4f}" for value in values]


def test_the_list_of_runs_shows_what_was_monitored(capsys: pytest.CaptureFixture[str]) -> None:
    one = [text for text in SWEEP if not text.startswith("hydra/")]
    assert main(one) == 0
    assert main([text for text in one if not text.startswith("monitor=")]) == 0
    capsys.readouterr()
    show_runs(["tracker=none"], 9)
    newest, first = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    files = [next(Path("outputs").glob(f"{row[0]}*/run.json")) for row in (newest, first)]
    loss, accuracy = (json.loads(file.read_text())["metrics"] for file in files)
    assert newest[2] == f"{loss['best/val_loss']:.4f}"
    assert first[2] == f"{accuracy['best/val_accuracy']:.4f} val/accuracy"


def test_a_search_looks_for_the_highest() -> None:
    pytest.importorskip("optuna")
    search = ["hydra/sweeper=optuna", "hydra.sweeper.n_trials=2", "hydra.sweeper.pruner=median"]
    space = "optimizer.learning_rate=interval(0.001,0.05)"
    assert main([*SWEEP, *search, space], multirun=True) == 0
    study = optuna().load_study(study_name=STUDY, storage=study_storage(only_sweep()))
    told = {trial.number: trial.value for trial in study.trials}
    assert told == {result.job: -result.best for result in results()}
    reported = study.trials[0].intermediate_values
    assert sorted(reported) == [10, 20, 30] and min(reported.values()) == told[0]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["monitor=val/acuracy"], "choose from val/loss, val/accuracy"),
        (["monitor=val/accuracy", "head=softmax,gaussian"], "head=gaussian: does not take"),
    ],
)
def test_no_job_starts_that_does_not_fit_its_data(more: list[str], told: str) -> None:
    own = [one for one in SWEEP if not one.startswith("monitor=")]
    with pytest.raises(ConfigError, match=told):
        main([*own, *more, "seed=0,1"], multirun=True)
    assert not Path("outputs").exists()
