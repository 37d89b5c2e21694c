"""Reads the state of a sweep: its runs in MLflow, the runs that train, and their processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from processes import eventually, store
from single_sweep import only_sweep

from rnnx.runs import checkpoint as checkpoints
from rnnx.runs.folder import RunFolder, runs_in
from rnnx.runs.lock import is_busy

LONG = ["steps=1000000", "log_every=50", "eval_every=0", "sample_every=0", "checkpoint.every=100"]


def client() -> Any:
    from mlflow import MlflowClient

    return MlflowClient(os.environ.get("MLFLOW_TRACKING_URI", store()))


def parent() -> Any:
    return client().get_run(only_sweep().read()["parent"])


def children() -> list[Any]:
    """The sweep's runs in MLflow, by the tag that the UI uses."""
    experiment = client().get_experiment_by_name("rnnx").experiment_id
    query = f"tags.mlflow.parentRunId = '{only_sweep().read()['parent']}'"
    return client().search_runs([experiment], query)


def working(count: int) -> list[RunFolder]:
    """The runs that train and have a checkpoint, as soon as there are ``count``."""

    def found() -> list[RunFolder]:
        return [f for f in runs_in(Path("outputs")) if f.checkpoint_files() and is_busy(f)]

    eventually(lambda: len(found()) >= count)
    return found()


def pid_of(folder: RunFolder) -> int:
    return int(json.loads((folder.path / ".owner").read_text())["pid"])


def parent_of(pid: int) -> int:
    return int(subprocess.check_output(["ps", "-o", "ppid=", "-p", str(pid)]))


def interrupted(number: signal.Signals) -> str:
    """Why a job was stopped whose sweep was."""
    return f"the sweep was interrupted ({number.name})"


def assert_killed_with_checkpoint(folder: RunFolder) -> None:
    assert folder.read()["status"] == "KILLED"
    assert checkpoints.read(folder.last).metadata["step"] > 0
    assert client().get_run(folder.id).info.status == "KILLED"
