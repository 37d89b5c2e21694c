"""What a command knows of all runs below ``outputs``: each run.json is read once.

A folder has thousands of runs, and a command asks of them again and again: which were abandoned,
which a tracker lacks, which a job repeats. Inside ``with one_reading():`` all questions share what
was read, and a file is read again only where it has changed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple

from rnnx.contracts.trackers import is_time
from rnnx.runs.fields import RUN, read_fields
from rnnx.runs.folder import RunFolder, read_runs, run_files
from rnnx.system.files import expanded

# Seconds: two writes that follow so fast may look like one by the time, the size and the inode.
UNSETTLED = 2.0


class KnownRun(NamedTuple):
    """The fields of a run.json by which runs are looked for."""

    path: str  # of its folder
    started: float
    status: str
    config_hash: str
    sweep: str
    job: int | None
    is_unsent: bool  # its tracker lacks something
    cwd: str
    entries: tuple[str, ...]
    kept: Any = None  # what a caller wants to keep of the other fields

    @property
    def folder(self) -> RunFolder:
        """The folder of the run."""
        return RunFolder(Path(self.path))


_Signature = tuple[int, int, int]  # of a file: when it was changed, its size, its inode


class KnownRuns:
    """The runs below ``outputs``, newest first; :meth:`look` reads what is new or has changed.

    ``keep`` makes of all fields of a run what is kept of them.
    """

    def __init__(
        self, outputs: str | Path, keep: Callable[[Mapping[str, Any]], Any] | None = None
    ) -> None:
        self._outputs, self._keep = outputs, keep
        self._read: dict[str, tuple[_Signature | None, KnownRun]] = {}
        self._sorted: list[KnownRun] = []
        self.look()

    def __iter__(self) -> Iterator[KnownRun]:
        return iter(self._sorted)

    def look(self) -> None:
        """Bring what is known up to date. Other processes begin, end and delete runs meanwhile."""
        now: dict[str, tuple[_Signature | None, KnownRun]] = {}
        for name in run_files(self._outputs):
            with suppress(OSError):
                status = os.stat(name)
                signature = status.st_mtime_ns, status.st_size, status.st_ino
                before = self._read.get(name)
                if before is not None and before[0] == signature:
                    now[name] = before
                else:
                    is_settled = time.time() - status.st_mtime > UNSETTLED
                    now[name] = (signature if is_settled else None, self._known(name))
        self._read = now
        known = [run for _, run in now.values()]
        self._sorted = sorted(known, key=lambda run: run.started, reverse=True)

    def _known(self, name: str) -> KnownRun:
        path, fields = os.path.dirname(name), read_fields(name, RUN)
        started = fields.get("started")

        def text(key: str) -> str:
            return str(fields.get(key, ""))

        return KnownRun(
            path,
            float(started) if is_time(started) else os.stat(path).st_mtime,
            *(text("status"), text("config_hash"), text("sweep"), fields.get("job")),
            fields.get("sent") is False,
            text("cwd"),
            tuple(fields.get("entries", ())),
            None if self._keep is None else self._keep(fields),
        )


_READING: ContextVar[dict[Path, KnownRuns] | None] = ContextVar("reading", default=None)


@contextmanager
def one_reading() -> Iterator[None]:
    """Inside, :func:`known_runs` reads a run.json again only where it has changed."""
    if _READING.get() is not None:
        yield
        return
    token = _READING.set({})
    try:
        yield
    finally:
        _READING.reset(token)


def known_runs(outputs: str | Path) -> KnownRuns:
    """The runs below ``outputs`` as they are now."""
    shared = _READING.get()
    if shared is None:
        return KnownRuns(outputs)
    place = expanded(outputs).resolve()
    if place in shared:
        shared[place].look()
    else:
        shared[place] = KnownRuns(outputs)
    return shared[place]


def runs_of_sweep(outputs: str | Path, sweep: str) -> list[tuple[RunFolder, dict[str, Any]]]:
    """The runs of the jobs of a sweep, newest first, each with the fields of its run.json."""
    if _READING.get() is None:
        return read_runs(outputs, sweep=sweep)
    own = [run.folder for run in known_runs(outputs) if run.sweep == sweep]
    return [(folder, fields) for folder in own if (fields := folder.read())]
