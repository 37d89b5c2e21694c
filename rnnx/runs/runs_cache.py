"""What commands have read of many run.json files, kept in the user's cache folder.

To read and parse ten thousand run.json files takes a second, to ask whether they have changed
twenty times less. So the few fields by which runs are looked for are kept, a file for each
``outputs``, with what tells that a run.json is still the same. The file begins with a digest of the
rest: one that is damaged, or of another version, is as good as none.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from rnnx.config.identity import made_of
from rnnx.contracts.trackers import is_time
from rnnx.runs.took import Took, took
from rnnx.system.files import cache_folder, expanded, read_regular, replacing

FORMAT = 1  # of the files and of what is kept, here and in compared_fields.py
LIMIT = 2**30  # bytes of the file; a run has some three hundred
# Files that are read as fast as the cache: fewer that were new or changed are not worth writing it.
FEW = 200
# Seconds: two writes that follow so fast may look like one by the time, the size and the inode.
UNSETTLED = 2.0


class Signature(NamedTuple):
    """What changes when a file is written or replaced."""

    written: int  # nanoseconds
    changed: int  # likewise, also where a program has set the time of writing back
    size: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Signature:
        """The signature of a file."""
        return cls(status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)


class RunFields(NamedTuple):
    """The fields of a run.json by which runs are looked for."""

    started: float
    status: str
    config_hash: str
    sweep: str
    job: int | None
    is_unsent: bool  # its tracker lacks something
    cwd: str
    made_of: str  # see rnnx.config.identity.made_of
    is_whole: bool  # see is_whole
    entries: tuple[str, ...]
    took: Took | None  # how long it took, where it has finished

    @classmethod
    def of(cls, fields: Mapping[str, Any], otherwise: float) -> RunFields:
        """Those in a run.json; the run began at the time ``otherwise`` where it does not tell."""
        started, shared = fields.get("started"), sys.intern  # thousands of runs share these texts
        return cls(
            float(started) if is_time(started) else otherwise,
            shared(str(fields.get("status", ""))),
            str(fields.get("config_hash", "")),
            shared(str(fields.get("sweep", ""))),
            fields.get("job"),
            fields.get("sent") is False,
            shared(str(fields.get("cwd", ""))),
            shared(made_of(fields)),
            is_whole(fields),
            tuple(fields.get("entries", ())),
            took(fields),
        )


def is_whole(fields: Mapping[str, Any]) -> bool:
    """Whether a run has trained to its own end, by the fields of its run.json."""
    return fields.get("status") == "FINISHED" and not fields.get("pruned")


Kept = dict[str, tuple[Signature, RunFields]]  # by the name of the run's folder


def read_cache(outputs: str | Path) -> Kept:
    """What is kept of the runs below ``outputs``; whoever uses it compares the signatures."""
    with suppress(ValueError, TypeError):
        rows = kept_rows(outputs)
        return {name: (Signature(*signature), _fields(row)) for name, signature, row in rows}
    return {}


def kept_others(
    outputs: str | Path, may_be_meant: Callable[[RunFields], bool]
) -> dict[str, Signature]:
    """Those that are kept and not meant: as long as their files have not changed, they need not be
    read.
    """
    kept = read_cache(outputs)
    return {name: signature for name, (signature, run) in kept.items() if not may_be_meant(run)}


def _fields(row: Any) -> RunFields:
    fields = RunFields(*row)
    times = None if fields.took is None else Took(*fields.took)
    return fields._replace(entries=tuple(fields.entries), took=times)


def write_cache(outputs: str | Path, runs: Iterable[tuple[str, Signature, Sequence[Any]]]) -> None:
    """Keep these runs, each with its name, its signature and the values of RunFields."""
    keep_rows(outputs, runs)


def kept_rows(place: str | Path) -> list[Any]:
    """The rows that are kept for a folder; none where their file is damaged."""
    with suppress(OSError, ValueError, TypeError, RecursionError):
        digest, _, body = read_regular(_file(place), LIMIT).partition(b"\n")
        if digest.decode() == _digest(body):
            rows: list[Any] = json.loads(body)
            return rows
    return []


def keep_rows(place: str | Path, rows: Iterable[Any]) -> None:
    """Keep rows for a folder; a cache folder that cannot be written is no error."""
    path, body = _file(place), json.dumps(list(rows), separators=(",", ":")).encode()
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_bytes(f"{_digest(body)}\n".encode() + body)


def _digest(body: bytes) -> str:
    return f"{FORMAT} {hashlib.sha256(body).hexdigest()}"


def _file(folder: str | Path) -> Path:
    place = str(expanded(folder).resolve())
    return cache_folder() / "runs" / f"{hashlib.sha256(os.fsencode(place)).hexdigest()[:32]}.json"
