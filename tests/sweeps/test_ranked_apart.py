"""A sweep's jobs whose results cannot be compared are ranked by themselves."""

import io
from collections.abc import Mapping
from typing import Any

import pytest
from rich.console import Console

from rnnx.contracts.trackers import Point
from rnnx.runs.folder import RunFolder
from rnnx.runs.sweep_folder import JobResult, Sweep
from rnnx.sweeps.describing import description
from rnnx.sweeps.parent import _tell_best
from rnnx.sweeps.ranking import print_ranking, ranking

ONE, OTHER = "1" * 64, "2" * 64
MAE = {"monitor": "val/mae", "higher_is_better": []}


class Log:
    """The sweep's run of a tracker, as far as it is told of the best job."""

    def __init__(self) -> None:
        self.told: dict[str, str] = {}

    def tags(self, tags: Mapping[str, str]) -> None:
        self.told |= tags

    def points(self, points: list[Point]) -> None:
        self.told |= {point.key: str(point.value) for point in points}


def swept(jobs: list[tuple[float | None, Mapping[str, Any]]]) -> Sweep:
    """A sweep over ``k`` of jobs with these best losses and fields of run.json."""
    sweep = Sweep.open("outputs", ["k=0,1,2"], ["k"], anew=False)
    sweep.write({"parent": ""})
    for number, (loss, fields) in enumerate(jobs):
        overrides, about = [f"k={number}"], {"overrides": [f"k={number}"], **fields}
        result = JobResult(number, overrides, "FINISHED")
        if loss is None:  # it failed before it had a run
            sweep.store_result(result._replace(status="FAILED", reason="why"))
            continue
        own = {**about, "seedless_hash": str(number), "seed": 0, "versions": {}, "sources": {}}
        folder = RunFolder.create("outputs", own, {"tracker": {"name": "none"}})
        folder.begin(f"{number}" * 32)
        metrics = {"best/val_loss": loss, "best/val_mae": loss, "final/val_mse": loss}
        folder.write({"status": "FINISHED", "metrics": metrics})
        result = result._replace(run_id=folder.id).with_metrics(folder.read(), metrics)
        sweep.store_result(result)
    return sweep


@pytest.mark.parametrize(
    ("first", "second", "metric", "note", "measured"),
    [
        (
            {"split_sha256": ONE},
            {"split_sha256": OTHER},
            "loss",
            "on 2 different held-out parts",
            "data 22222222",
        ),
        (
            {**MAE, "split_sha256": ONE},
            {**MAE, "split_sha256": OTHER},
            "mae",
            "on 2 different held-out parts",
            "data 22222222",
        ),
        (
            {"split_sha256": ONE, "loss_unit": "nats a step"},
            {"split_sha256": ONE, "loss_unit": "absolute error a step"},
            "loss",
            "--metric final/val_mse ranks all of them",
            "loss in absolute error a step",
        ),
    ],
)
def test_on_other_data_and_in_other_units(
    first: Mapping[str, Any], second: Mapping[str, Any], metric: str, note: str, measured: str
) -> None:
    sweep = swept([(2.0, first), (0.5, second), (1.0, first), (None, {})])
    found = ranking(sweep)
    assert list(found.columns[3:]) == [
        f"best/val_{metric}",
        "job seconds",
        "run",
        "cause",
        "measured on",
    ]
    told = [(row[0], row[1]) for row in found.rows]
    assert told == [("1", "k=2"), ("2", "k=0"), ("3", "k=3"), ("1", "k=1")]
    assert found.rows[-1][-1] == measured
    out = io.StringIO()
    print_ranking(found, Console(file=out, width=200))
    assert note in out.getvalue()
    text, log = description(sweep), Log()
    best = [line for line in text.splitlines() if line.startswith("**Best ")]
    assert ["k=2" in best[0], "k=1" in best[1], len(best)] == [True, True, 2]
    assert measured in best[1]
    _tell_best(sweep, log)  # type: ignore[arg-type]
    assert not log.told


def test_by_other_metrics() -> None:
    sweep = swept([(2.0, {"split_sha256": ONE}), (0.5, {**MAE, "split_sha256": ONE})])
    found = ranking(sweep)
    assert [row[0] for row in found.rows] == ["1", "1"]
    assert [row[-1] for row in found.rows] == ["by best/val_loss", "by best/val_mae"]
    assert found.notes == [
        "ranked by 2 metrics (best/val_loss, best/val_mae): each has its own ranks"
    ]


def test_alike_jobs_have_one_ranking_and_a_best() -> None:
    sweep = swept([(2.0, {"split_sha256": ONE}), (0.5, {"split_sha256": ONE}), (None, {})])
    found, log = ranking(sweep), Log()
    assert not found.notes and found.columns[-1] == "cause"
    assert [row[1] for row in found.rows] == ["k=1", "k=0", "k=2"]
    _tell_best(sweep, log)  # type: ignore[arg-type]
    assert log.told["best.k"] == "1" and log.told["best/val_loss"] == "0.5"
