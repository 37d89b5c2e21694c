"""A real SQLite store, and what it has of runs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from rnnx.runs.folder import RunFolder
from rnnx.runs.metrics_file import read_history


def place_store(empty: Path, folder: Path, name: str = "mlflow.db") -> str:
    """Put a store into a folder; its URI."""
    shutil.copy(empty, folder / name)
    return f"sqlite:///{folder / name}"


def client(uri: str = "") -> Any:
    from mlflow import MlflowClient

    return MlflowClient(uri or f"sqlite:///{Path.cwd() / 'mlflow.db'}")


def entries(uri: str = "", experiment: str = "rnnx") -> list[Any]:
    """The runs of a store that are not deleted, the oldest first."""
    store = client(uri)
    found = store.get_experiment_by_name(experiment)
    if found is None:
        return []
    return list(store.search_runs([found.experiment_id], order_by=["attributes.start_time"]))


def children(parent: str, uri: str = "", experiment: str = "rnnx") -> list[Any]:
    """The runs that MLflow shows below a run."""
    every = entries(uri, experiment)
    return [run for run in every if run.data.tags.get("mlflow.parentRunId") == parent]


def assert_whole(run: Any, folder: RunFolder, uri: str = "", files: bool = True) -> None:
    """An entry has everything that the folder has, and the run's end."""
    store = client(uri)
    assert run.info.status == folder.read()["status"]
    assert run.data.tags["rnnx.folder"] == str(folder.path.resolve())
    assert run.data.params["cell.hidden_size"] == "8"
    for key, points in read_history(folder.metrics).items():
        found = store.get_metric_history(run.info.run_id, key)
        is_total = key.startswith(("best/", "final/"))
        sent = [(0 if is_total else p.step, p.value) for p in points]
        assert sorted((m.step, m.value) for m in found) == sorted(sent), key
    kept = {file.path for file in store.list_artifacts(run.info.run_id, "checkpoints")}
    named = {f"checkpoints/{path.name}" for path in (folder.best, folder.last) if path.is_file()}
    assert kept == (named if files else set())
    query = f"source_run_id = '{run.info.run_id}'"
    models = store.search_logged_models([run.info.experiment_id], query)
    paths = [folder.path.resolve() / name for name in (named if files else ())]
    assert sorted(model.tags["rnnx.checkpoint"] for model in models) == sorted(map(str, paths))
