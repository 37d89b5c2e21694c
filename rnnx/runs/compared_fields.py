"""What comparing the jobs of a sweep needs of each run.json, kept for the next command.

A run.json has the versions, the parameters and the machine of its run, too: to read and check a
thousand of them takes a fifth of a second. So the few fields that are compared are kept in the
user's cache folder, a file a sweep, with what tells that a run.json is still the same.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from rnnx.config.identity import Identity
from rnnx.runs.folder import RunFolder
from rnnx.runs.runs_cache import FEW, UNSETTLED, Signature, keep_rows, kept_rows

PLACE = ("sweep", "entries", "cwd", "place")
KEPT = frozenset(
    {
        *Identity._fields,
        *PLACE,
        *("id", "name", "overrides", "status", "reason", "job", "pruned", "metrics"),
        *("monitor", "higher_is_better", "loss_unit"),
    }
)

_Rows = dict[str, tuple[Signature, dict[str, Any]]]  # by the id of the run


class ComparedFields:
    """The compared fields of the runs of one sweep; :meth:`keep` once all were asked for."""

    def __init__(self, sweep: Path) -> None:
        self._sweep = sweep
        rows = kept_rows(sweep)
        self._kept: _Rows = {name: (Signature(*own), known) for name, own, known in rows}
        self._asked: _Rows = {}  # that can be kept
        self._new = 0  # of them, those that were read

    def of(self, folder: RunFolder) -> dict[str, Any]:
        """The compared fields in a run.json; empty where it is missing or damaged."""
        try:
            status = os.stat(f"{folder.path}/run.json")
        except OSError:
            return {}
        signature, kept = Signature.of(status), self._kept.get(folder.id)
        if kept is not None and kept[0] == signature:
            self._asked[folder.id] = kept
            return kept[1]
        known = {key: value for key, value in folder.read().items() if key in KEPT}
        if known and time.time() - status.st_mtime >= UNSETTLED:
            self._asked[folder.id] = signature, known
            self._new += 1
        return known

    def keep(self) -> None:
        """Keep what was asked for where so much was new that reading it again takes longer."""
        if self._new >= FEW:
            rows = ([name, signature, known] for name, (signature, known) in self._asked.items())
            keep_rows(self._sweep, rows)
            self._new = 0
