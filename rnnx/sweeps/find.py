"""Finds the sweep of a Hydra job, and the runs of a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rnnx.contracts.trackers import Tracker
from rnnx.runs.folder import RunFolder, runs_with
from rnnx.runs.sweep_folder import Sweep


def environment_names(tracker: Tracker) -> tuple[str, ...]:
    """The environment variables of the driver that its jobs take over, wherever they run."""
    return ("RNNX_PLUGINS", *getattr(tracker, "environment", ()))


def sweep_of(hydra: Any) -> Sweep:
    """The sweep that Hydra's own configuration belongs to: the driver has set its folder there."""
    return Sweep(Path(hydra.sweep.dir).parent)


def run_of(sweep: Sweep, outputs: str, job: int) -> RunFolder | None:
    """The newest run of a job; None where it has none."""
    return next(iter(runs_with(outputs, sweep=sweep.id, job=job)), None)
