"""Jobs whose driver was killed, and runs whose job was: waits for the former, ends the latter."""

from __future__ import annotations

import time
from contextlib import suppress

from rnnx.config.components import component_from
from rnnx.contracts.trackers import StoreTracker
from rnnx.errors import RunBusy
from rnnx.runs.folder import RunFolder
from rnnx.runs.known_runs import known_of_sweep
from rnnx.runs.lock import is_busy
from rnnx.runs.sweep_folder import Sweep

ORPHAN_TIMEOUT = 60.0  # seconds that jobs have to end after their driver was killed
POLL_INTERVAL = 0.1  # seconds


def wait_for_orphans(sweep: Sweep, outputs: str, job: int | None = None) -> None:
    """Wait for the end of jobs whose driver was killed; RunBusy where one does not end."""
    deadline = time.monotonic() + ORPHAN_TIMEOUT
    for folder in _running(sweep, outputs, job):
        while is_busy(folder):
            if time.monotonic() > deadline:
                raise RunBusy(
                    f"sweep {sweep.id}: its run {folder.id[:12]} is still worked on; wait until "
                    "it is done, or stop it first"
                )
            time.sleep(POLL_INTERVAL)


def end_abandoned(sweep: Sweep, outputs: str, job: int | None = None) -> None:
    """End the runs of jobs whose process was killed, in their folder and their tracker."""
    for folder in _running(sweep, outputs, job):
        if not is_busy(folder):
            _end(folder)


def _running(sweep: Sweep, outputs: str, job: int | None) -> list[RunFolder]:
    return [
        run.folder
        for run in known_of_sweep(outputs, sweep.id)
        if run.status == "RUNNING" and job in (None, run.job)
    ]


def _end(folder: RunFolder) -> None:
    from rnnx.runs.registration import entry_of
    from rnnx.runs.stored_config import stored_config, tracker_run_of

    reason = "its process was killed"
    with suppress(Exception):  # whatever the tracker misses, it gets when the run is resumed
        tracker = component_from("tracker", stored_config(folder)["tracker"])
        if folder.is_new:
            run_id = tracker_run_of(folder, tracker)
        elif isinstance(tracker, StoreTracker):
            found = entry_of(folder, tracker)  # not that of the folder which this one is a copy of
            run_id = found.id if found else ""
        else:
            run_id = folder.id
        if run_id:
            log = tracker.reopen(run_id)
            log.tags({"reason": reason})
            log.finish("KILLED")
    folder.write({"status": "KILLED", "reason": reason})
