"""What a command knows of all runs below ``outputs``: each run.json is read once.

A folder has thousands of runs, and a command asks of them again and again: which were abandoned,
which a tracker lacks, which a job repeats. Inside ``with one_reading():`` all questions share what
was read, and a file is read again only where it has changed. What is read of very many runs is kept
for later commands, too (:mod:`rnnx.runs.runs_cache`).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple

from rnnx.contracts.trackers import is_time
from rnnx.runs.fields import RUN, read_fields
from rnnx.runs.folder import RunFolder, read_runs, run_files
from rnnx.runs.runs_cache import FEW, UNSETTLED, RunFields, Signature, read_cache, write_cache
from rnnx.runs.took import Took
from rnnx.system.files import expanded


class KnownRun(NamedTuple):
    """A run and the fields of its run.json by which runs are looked for."""

    path: str  # of its folder
    started: float
    status: str
    config_hash: str
    sweep: str
    job: int | None
    is_unsent: bool  # its tracker lacks something
    cwd: str
    made_of: str  # of its data and its code; see rnnx.config.identity
    is_whole: bool  # whether it has trained to its own end
    entries: tuple[str, ...]
    took: Took | None  # how long it took, where it has finished

    @property
    def folder(self) -> RunFolder:
        """The folder of the run."""
        return RunFolder(Path(self.path))


class KnownRuns:
    """The runs below ``outputs``, newest first; :meth:`look` reads what is new or has changed.

    What earlier commands have read is taken from the cache, and the cache is written where much
    was new.
    """

    def __init__(self, outputs: str | Path) -> None:
        self._outputs = outputs
        self._read: dict[str, tuple[Signature | None, KnownRun]] = {}
        self._sorted: list[KnownRun] = []
        self._kept = read_cache(outputs)
        self._new = 0  # files that were read and can be kept
        self._files: list[str] = []
        self._listed = 0  # when what is in the folder had last changed, at that list; 0: no matter
        self.look()

    def __iter__(self) -> Iterator[KnownRun]:
        return iter(self._sorted)

    def look(self, may_differ: Callable[[KnownRun], bool] = lambda run: True) -> None:
        """Bring what is known up to date. Other processes begin, end and delete runs meanwhile.

        ``may_differ`` says at which of the known runs it is looked again: to ask for the status of
        ten thousand files takes as long as many a step of a job.
        """
        now: dict[str, tuple[Signature | None, KnownRun]] = {}
        for name in self._names():
            before = self._read.get(name)
            if before is not None and before[0] is not None and not may_differ(before[1]):
                now[name] = before
                continue
            with suppress(OSError):
                now[name] = self._known(name, os.stat(name))
        if now != self._read:
            known = [run for _, run in now.values()]
            self._sorted = sorted(known, key=lambda run: run.started, reverse=True)
        self._read, self._kept = now, {}
        self._keep()

    def _names(self) -> list[str]:
        """The run.json files below ``outputs``, listed again where a folder came or went."""
        with suppress(OSError):
            written = os.stat(expanded(self._outputs)).st_mtime_ns
            if written != self._listed:
                self._files = list(run_files(self._outputs))
                is_settled = time.time_ns() - written >= UNSETTLED * 1e9
                self._listed = written if is_settled else 0
            return self._files
        return []

    def _known(self, name: str, status: os.stat_result) -> tuple[Signature | None, KnownRun]:
        """A run, and by what its file is the same; None: it has to be read again in any case."""
        signature, before = Signature.of(status), self._read.get(name)
        if before is not None and before[0] == signature:
            return before
        path = os.path.dirname(name)
        kept = self._kept.get(os.path.basename(path))
        if kept is not None and kept[0] == signature:
            return signature, KnownRun(path, *kept[1])
        fields = read_fields(name, RUN)
        run = KnownRun(path, *RunFields.of(fields, os.stat(path).st_mtime))
        # One that tells no time is as old as its folder, whose time changes with any file in it.
        if time.time() - status.st_mtime < UNSETTLED or not is_time(fields.get("started")):
            return None, run
        self._new += 1
        return signature, run

    def _keep(self) -> None:
        """Write the cache where reading took longer than writing it will."""
        if self._new < max(FEW, len(self._read) // 50):
            return
        runs = [(signature, run) for signature, run in self._read.values() if signature]
        named = ((os.path.basename(run.path), signature, run[1:]) for signature, run in runs)
        write_cache(self._outputs, named)
        self._new = 0


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


def known_runs(
    outputs: str | Path, may_differ: Callable[[KnownRun], bool] = lambda run: True
) -> KnownRuns:
    """The runs below ``outputs`` as they are now.

    ``may_differ``: at which of those that are known it is looked again; at new ones it always is.
    """
    shared = _READING.get()
    if shared is None:
        return KnownRuns(outputs)
    place = expanded(outputs).resolve()
    if place in shared:
        shared[place].look(may_differ)
    else:
        shared[place] = KnownRuns(outputs)
    return shared[place]


def runs_of_sweep(
    outputs: str | Path, sweep: str, read: Callable[[RunFolder], dict[str, Any]] = RunFolder.read
) -> list[tuple[RunFolder, dict[str, Any]]]:
    """The runs of the jobs of a sweep, newest first, each with the fields of its run.json.

    Where it is known which these are, they are read with ``read``, which may leave fields out.
    """
    if _READING.get() is None:
        return read_runs(outputs, sweep=sweep)
    own = [run.folder for run in known_of_sweep(outputs, sweep)]
    return [(folder, fields) for folder in own if (fields := read(folder))]


def known_of_sweep(outputs: str | Path, sweep: str) -> list[KnownRun]:
    """The runs of the jobs of a sweep; it is looked at these, new and unfinished ones alone."""
    known = known_runs(outputs, lambda run: run.sweep == sweep or not run.is_whole)
    return [run for run in known if run.sweep == sweep]
