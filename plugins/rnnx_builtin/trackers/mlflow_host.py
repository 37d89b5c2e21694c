"""What the user told MLflow itself, and rnnx does not follow: one line each on standard error."""

from __future__ import annotations

import functools
import os
import sys

from rnnx.system.text import printable

UNREAD = {  # environment variable → what says the same to rnnx
    "MLFLOW_EXPERIMENT_NAME": "tracker.experiment=NAME chooses the experiment",
    "MLFLOW_EXPERIMENT_ID": "tracker.experiment=NAME chooses the experiment",
    "MLFLOW_RUN_ID": "every run is a new one, and rnnx resume continues one",
}


def name_unread(experiment: str) -> None:
    """Name what would have decided the experiment or the run of a program that uses MLflow."""
    for name, instead in UNREAD.items():
        value = os.environ.get(name, "")
        if value not in ("", experiment):
            say_once(f"{name}={value} is not read: {instead}")
    mlflow = sys.modules.get("mlflow")
    active = getattr(mlflow, "active_run", lambda: None)()
    if active is not None:
        say_once(
            f"MLflow's active run {active.info.run_id[:8]} stays as it is; rnnx's runs are not "
            "below it"
        )


@functools.cache
def say_once(line: str) -> None:
    """Print a line on standard error, the first time."""
    print(f"rnnx: {printable(line)}", file=sys.stderr)
