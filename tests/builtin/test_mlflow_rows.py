"""What is read from a SQLite store's tables is what MLflow's client says of it."""

import math
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from rnnx.contracts.trackers import Point, RunSummary
from rnnx.errors import StoreError
from rnnx_builtin.trackers import mlflow_store
from rnnx_builtin.trackers.mlflow_client import connect
from rnnx_builtin.trackers.mlflow_store import MLflow


def told(found: list[RunSummary]) -> list[str]:
    """As texts: nan is not equal to itself."""
    return [repr(run._replace(metrics=sorted(run.metrics.items()))) for run in found]


def test_the_rows_of_a_store_are_what_its_client_says(
    empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Path(shutil.copy(empty_store, Path.cwd()))
    tracker, other = MLflow(f"sqlite:///{store}"), MLflow(f"sqlite:///{store}", "another")
    assert tracker.runs(9) == []
    for second, name in enumerate(["first", "second", "third", "ended"]):
        log = tracker.start(name, {"lr": "1"}, {"rnnx.started": str(1e9 + second), "a": name})
        values = (0.5, math.nan, math.inf, -math.inf)
        log.points([Point("val/loss", values[second], 3, 1), Point("system/cpu", 1.0, 3, 1)])
        log.points([Point("val/loss", 0.25, 2, 2)])  # of an earlier step: not the last value
    log.tags({"rnnx.parent": log.id, "rnnx.folder": "/there"})
    log.finish("KILLED")
    other.start("elsewhere", {}, {})
    client = connect(tracker.uri)
    client.delete_run(tracker.runs(1)[0].id)
    client.create_run(client.get_experiment_by_name("rnnx").experiment_id, start_time=0)

    limits = (2, 9, 10**9)
    rows = [told(tracker.runs(limit)) for limit in limits]
    assert [len(some) for some in rows] == [2, 4, 4]
    first = tracker.runs(9)[-1].id
    assert [run.id for run in tracker.find(first[:8])] == [first]
    assert told(other.runs(9)) and told(other.runs(9)) != rows[1]
    monkeypatch.setattr(mlflow_store, "newest_runs", lambda *about: None)
    assert rows == [told(tracker.runs(limit)) for limit in limits]
    assert [run.id for run in tracker.find(first[:8])] == [first]


def test_other_tables_are_left_to_the_client(empty_store: Path) -> None:
    store = Path(shutil.copy(empty_store, Path.cwd()))
    tracker = MLflow(f"sqlite:///{store}")
    tracker.start("one", {}, {}).finish("FINISHED")
    assert len(tracker.runs(9)) == 1
    with closing(sqlite3.connect(store)) as database:
        database.execute("ALTER TABLE latest_metrics RENAME TO newest_metrics")
        database.commit()
    with pytest.raises(StoreError, match="the store cannot be used"):
        tracker.runs(9)
