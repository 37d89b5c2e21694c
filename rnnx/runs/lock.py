"""A run or a sweep has one process at a time: a second learns which, a dead one keeps nothing."""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from rnnx.errors import RunBusy
from rnnx.system.files import read_json


class Owned(Protocol):
    """A folder that one process works in."""

    @property
    def path(self) -> Path: ...
    @property
    def id(self) -> str: ...


class RunLock:
    """``with RunLock(folder): …``; RunBusy where another process is inside.

    The lock is the system's, on an open file: it ends with its owner, however that dies. The file
    ``.owner`` only tells who that is.
    """

    def __init__(self, folder: Owned, kind: str = "run") -> None:
        self._folder, self._kind = folder, kind
        self._lock = FileLock(folder.path / ".lock")

    def __enter__(self) -> RunLock:
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise RunBusy(
                f"{self._kind} {self._folder.id[:12]}: {_owner_in(self._owner)} is working on it; "
                "wait until it is done, or stop it first"
            ) from None
        owner = {"pid": os.getpid(), "host": socket.gethostname()}
        with suppress(OSError):  # a full disk: the lock holds without it
            self._owner.write_text(json.dumps(owner), "utf-8")
        return self

    @property
    def _owner(self) -> Path:
        return self._folder.path / ".owner"

    def __exit__(self, *error: object) -> None:
        with suppress(OSError):  # a disk that became read-only, say
            self._owner.unlink(missing_ok=True)
        self._lock.release()


def is_busy(folder: Owned) -> bool:
    """Whether a living process is working on the folder."""
    if not (folder.path / ".lock").exists():
        return False
    lock = FileLock(folder.path / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def is_elsewhere(folder: Owned) -> bool:
    """Whether a process of another machine has the folder, or died with it."""
    host = read_json(folder.path / ".owner").get("host", socket.gethostname())
    return bool(host != socket.gethostname())


def _owner_in(path: Path) -> str:
    owner = read_json(path)
    try:
        return f"process {int(owner['pid'])} on {str(owner['host'])[:100]}"
    except (ValueError, TypeError, KeyError, OverflowError):
        return "another process"
