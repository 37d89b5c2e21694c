"""Sends trackers what they missed while they did not answer: of runs and sweeps that have ended.

Every command that has found its tracker answering does so for the runs of its working folder.
"""

from __future__ import annotations

import os
import socket
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from rnnx.errors import RnnxError, RunBusy
from rnnx.runs.folder import RunFolder
from rnnx.runs.known_runs import known_runs
from rnnx.runs.leftovers import remove_leftovers
from rnnx.runs.lock import RunLock, is_busy, is_elsewhere
from rnnx.runs.registration import bring_up_to_date
from rnnx.runs.stored_config import stored_config
from rnnx.runs.sweep_folder import Sweep
from rnnx.system.files import expanded

MAX_FAILURES = 2  # of a tracker, after which it is left alone


class _Missed(NamedTuple):
    """A run or a sweep of which a tracker lacks something."""

    what: RunFolder | Sweep
    tracker: Mapping[str, Any]


def catch_up(outputs: str, sweep: str = "") -> int:
    """Send everything; how many runs and sweeps there were. A line on stderr for each.

    ``sweep`` is the id of one whose jobs are about to run.
    """
    remove_leftovers(outputs, sweep)
    failures: Counter[str] = Counter()
    sent = 0
    for missed in _missed(outputs):
        tracker = str(sorted(missed.tracker.items()))
        if failures[tracker] >= MAX_FAILURES:
            continue
        try:
            line = _send(missed)
        except RunBusy:
            continue
        except Exception:  # whatever a tracker raises: another command tries again
            failures[tracker] += 1
            continue
        sent += 1
        print(f"rnnx: {line}", file=sys.stderr)
    return sent


def _send(missed: _Missed) -> str:
    what = missed.what
    if isinstance(what, Sweep):
        from rnnx.sweeps.parent import tell_everything  # and all of the page: few commands need it

        with RunLock(what, "sweep"):
            tell_everything(what, missed.tracker)
        return f"sweep {what.id}: its tracker has what it had missed"
    with RunLock(what):
        sent = bring_up_to_date(what, missed.tracker).sent
    return f"run {what.id[:8]}: its tracker has what it had missed ({sent} points and files)"


def _missed(outputs: str) -> Iterator[_Missed]:
    runs = known_runs(outputs, lambda run: run.is_unsent or not run.is_whole)
    unsent = [run for run in runs if run.is_unsent and run.cwd == os.getcwd()]
    for folder in (run.folder for run in unsent):
        if not (folder.is_new or is_busy(folder) or is_elsewhere(folder)):
            try:
                yield _Missed(folder, stored_config(folder)["tracker"])
            except RnnxError:
                continue
    here = {"sent": False, "cwd": os.getcwd(), "host": socket.gethostname()}
    for path in sorted((expanded(outputs) / "sweeps").glob("*/sweep.json")):
        sweep = Sweep(path.parent)
        known = sweep.read()
        is_ours = all(known.get(key) == value for key, value in here.items())
        if is_ours and isinstance(known.get("tracker"), dict) and not is_busy(sweep):
            yield _Missed(sweep, known["tracker"])
