"""Jobs whose driver or process was killed: wait for their end, and end their runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from rnnx.config.components import component_from
from rnnx.errors import RunBusy
from rnnx.runs.folder import RunFolder, runs_with
from rnnx.runs.lock import is_busy
from rnnx.runs.sweep_folder import Sweep

ORPHANS = 60.0  # seconds that jobs have to end after their driver was killed


def sweep_of(hydra: Any) -> Sweep:
    """The sweep that Hydra's own configuration, as the driver has made it, belongs to."""
    return Sweep(Path(hydra.sweep.dir).parent)


def wait_for_orphans(sweep: Sweep, outputs: str, job: int | None = None) -> None:
    """Wait for the end of jobs whose driver was killed; RunBusy where one does not end."""
    end = time.monotonic() + ORPHANS
    for folder in _running(sweep, outputs, job):
        while is_busy(folder):
            if time.monotonic() > end:
                raise RunBusy(
                    f"sweep {sweep.id}: its run {folder.id[:12]} is still worked on; wait until "
                    "it is done, or stop it first"
                )
            time.sleep(0.1)


def end_abandoned(sweep: Sweep, outputs: str, job: int | None = None) -> None:
    """End the runs of jobs whose process is gone without a word, in folder and tracker."""
    for folder in _running(sweep, outputs, job):
        if not is_busy(folder):
            _end(folder)


def run_of(sweep: Sweep, outputs: str, job: int) -> RunFolder | None:
    """The newest run of a job of the sweep."""
    return next((folder for folder, _ in runs_with(outputs, sweep=sweep.id, job=job)), None)


def _running(sweep: Sweep, outputs: str, job: int | None) -> Iterator[RunFolder]:
    for folder, known in runs_with(outputs, sweep=sweep.id, status="RUNNING"):
        if job in (None, known.get("job")):
            yield folder


def _end(folder: RunFolder) -> None:
    from rnnx.runs.stored_config import begun_as, stored_config

    reason = "its process was killed"
    with suppress(Exception):  # the tracker is told of it again when the run goes on
        tracker = component_from("tracker", stored_config(folder)["tracker"])
        run_id = begun_as(folder, tracker) if folder.is_new else folder.id
        if run_id:
            log = tracker.reopen(run_id)
            log.tags({"reason": reason})
            log.finish("KILLED")
    folder.write({"status": "KILLED", "reason": reason})
