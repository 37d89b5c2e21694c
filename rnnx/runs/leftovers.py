"""Folders of runs whose process was killed before the run began: nothing in them is to be kept."""

from __future__ import annotations

from contextlib import suppress

from rnnx.config.components import component_from
from rnnx.errors import RnnxError, RunBusy
from rnnx.runs.folder import NEW, RunFolder
from rnnx.runs.lock import RunLock
from rnnx.runs.registration import KILLED
from rnnx.runs.stored_config import stored_config, tracker_run_of
from rnnx.system.files import expanded
from rnnx.system.owner import is_dead


def remove_leftovers(outputs: str, keep_sweep: str = "") -> None:
    """Delete them, and end the runs that their trackers have of them; one that fails is left.

    Those of the sweep with the id ``keep_sweep`` are left to its jobs, which go on with them.
    """
    for path in expanded(outputs).glob(f"{NEW}*"):
        if is_dead(path.suffix.lstrip(".")):
            with suppress(OSError, RunBusy, RnnxError), RunLock(folder := RunFolder(path)):
                if any(folder.checkpoint_files()):
                    continue
                if keep_sweep and folder.read().get("sweep") == keep_sweep:
                    continue
                if (path / "run.json").is_file():
                    _end_in_tracker(folder)
                folder.remove()


def _end_in_tracker(folder: RunFolder) -> None:
    tracker = component_from("tracker", stored_config(folder)["tracker"])
    if run_id := tracker_run_of(folder, tracker):
        log = tracker.reopen(run_id)
        log.tags({"reason": KILLED})
        log.finish("KILLED")
