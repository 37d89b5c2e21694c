"""Kills a command at each of its writes, renames, fsyncs and deletions, in turn.

A point is a call that changes a file: opening one to write, each part of a write, a rename, a link,
a deletion, an fsync, a statement of SQLite that changes something, and its commit. ``Points.arm``
counts them in this process and sends it SIGKILL at one of them, so that a process that was forked
from a warm one is killed there.
"""

from __future__ import annotations

import builtins
import io
import os
import signal
import sqlite3
import sys
import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from threading import RLock
from typing import Any

CALLS = (
    *("replace", "rename", "link", "symlink", "unlink", "remove", "mkdir", "rmdir"),
    *("fsync", "fdatasync", "truncate", "ftruncate", "write", "pwrite", "sendfile"),
)
CHANGES = ("INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "COMMIT")  # of a statement


class Points:
    """Counts the points of this process, and kills it at number ``at`` (0: never)."""

    def __init__(self, at: int = 0) -> None:
        self._at, self._turn = at, RLock()
        self.names: list[str] = []

    def reach(self, name: str) -> None:
        with self._turn:
            self.names.append(name)
            if len(self.names) == self._at:
                os.kill(os.getpid(), signal.SIGKILL)

    def arm(self) -> None:
        """Have every later call of this process that changes a file counted."""
        for name in CALLS:
            setattr(os, name, self._counted(getattr(os, name)))
        builtins.open = io.open = self._opener(io.open)
        points = self

        class Cursor(sqlite3.Cursor):
            def execute(self, statement: str, *values: Any) -> Any:
                points._reach_statement(statement)
                return super().execute(statement, *values)

            def executemany(self, statement: str, *values: Any) -> Any:
                points._reach_statement(statement)
                return super().executemany(statement, *values)

        class Connection(sqlite3.Connection):
            def cursor(self, factory: Any = Cursor) -> Any:
                return super().cursor(factory)

            def execute(self, *arguments: Any) -> Any:
                return self.cursor().execute(*arguments)

            def executemany(self, *arguments: Any) -> Any:
                return self.cursor().executemany(*arguments)

            def commit(self) -> None:
                if self.in_transaction:
                    points.reach("commit")
                super().commit()

        connect = sqlite3.connect
        for module in (sqlite3, sqlite3.dbapi2):
            module.connect = lambda *a, **k: connect(*a, **{"factory": Connection, **k})

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def counted(*arguments: Any, **named: Any) -> Any:
            self.reach(f"{call.__name__} {arguments[0]!s}")
            return call(*arguments, **named)

        return counted

    def _reach_statement(self, statement: str) -> None:
        if statement.lstrip().upper().startswith(CHANGES):
            self.reach(f"SQL {statement[:40]}")

    def _opener(self, really: Callable[..., Any]) -> Callable[..., Any]:
        points = self

        class File(io.FileIO):
            def write(self, content: Any) -> int:
                view = memoryview(content).cast("B")
                points.reach(f"write {self.name}")
                done = 0
                if len(view) > 1:  # killed in the middle, it leaves a torn file
                    done = super().write(view[: len(view) // 2])
                    points.reach(f"write the rest of {self.name}")
                return done + super().write(view[done:])

        def opened(
            file: Any,
            mode: str = "r",
            buffering: int = -1,
            encoding: str | None = None,
            errors: str | None = None,
            newline: str | None = None,
            *more: Any,
            **named: Any,
        ) -> Any:
            if not set(mode) & set("wax") or "+" in mode or isinstance(file, int):
                return really(file, mode, buffering, encoding, errors, newline, *more, **named)
            points.reach(f"open {file}")
            raw = File(file, mode.replace("b", "").replace("t", ""))
            if buffering == 0:
                return raw
            buffered = io.BufferedWriter(raw)
            if "b" in mode:
                return buffered
            return io.TextIOWrapper(buffered, encoding, errors, newline)

        return opened


def forked(work: Callable[[], int], output: Path) -> int:
    """Do ``work`` in a fork of this process; its exit code, or minus the signal that killed it."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 99
    try:
        log = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        code = work()
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
