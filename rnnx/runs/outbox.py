"""What a tracker has still to get: an SQLite file that no kill can tear.

    metrics.jsonl   every point; row 0 of the outbox counts the bytes of it that were sent
    outbox.db       all else, a row each: params, tags, files, images, and how the run ended

A commit is one write to SQLite's log; only ``sync`` and ``close`` wait for the disk. What was sent
just before a crash may be sent again: a tracker takes the same thing twice as once.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from rnnx.contracts.trackers import Point, ReadableLog, RunLog, point_of
from rnnx.errors import StoreError
from rnnx.runs import metrics_file, outbox_file, readback
from rnnx.runs.delivery import replaced, send

POINTS_PER_CALL = 1000
ROW = "id, CAST(entry AS BLOB)"  # as bytes: reading them is no error of SQLite's, whatever they are


class Outbox:
    """The outbox of one run's folder; the caller holds the run's lock."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._metrics = folder, folder / metrics_file.NAME
        self._database, self._turn = outbox_file.connect(folder), threading.Lock()
        self.delivered = 0  # calls that the tracker took: while it grows, the tracker answers
        self.damaged = 0  # lines and rows that were passed over
        [(sent,)] = self._execute("SELECT ifnull(sum(sent), 0) FROM outbox WHERE id = 0")
        # Where a power cut took lines that had been sent, all are sent again.
        is_place = isinstance(sent, int) and metrics_file.is_line_end(self._metrics, sent)
        self._points_sent = sent if is_place else 0  # bytes of metrics.jsonl

    def add_points(self, points: Sequence[Point]) -> None:
        """Append points to metrics.jsonl."""
        metrics_file.append(self._metrics, points)

    def add(self, what: str, *about: Any) -> None:
        """Add an entry of :func:`rnnx.runs.delivery.send`: ``params``, ``tags``, ``file``, …"""
        self._execute("INSERT INTO outbox (entry, sent) VALUES (?, 0)", json.dumps([what, *about]))

    def sync(self) -> None:
        """Bring everything that was added to the disk: it outlives a power cut."""
        metrics_file.sync(self._metrics)
        self._execute("PRAGMA wal_checkpoint")

    def close(self) -> None:
        """Close the file; a sender that still waits for its tracker can mark nothing any more."""
        with self._turn:
            self._database.close()

    def __enter__(self) -> Outbox:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def is_gone(self) -> bool:
        """Whether the folder has been deleted."""
        return not self._folder.is_dir()

    def count(self) -> int:
        """How many points and other things the tracker has still to get."""
        lines = metrics_file.lines(self._metrics, self._points_sent)
        return sum(1 for _ in lines) + len(self._unsent_rows())

    def deliver(self, log: RunLog) -> None:
        """Send everything that is left, points first; raises what ``log`` raises.

        What was sent before it raises stays sent. Where the folder has been deleted, even
        meanwhile, nothing is left.
        """
        try:
            lines = metrics_file.lines(self._metrics, self._points_sent)
            while batch := list(islice(lines, POINTS_PER_CALL)):
                points = [point for _, line in batch if (point := point_of(line))]
                if points:
                    log.points(points)
                self.damaged += len(batch) - len(points)
                self._mark_points(batch[-1][0])
            rows = self._unsent_rows()
            without = replaced([entry for _, entry in rows])
            for place, (row, entry) in enumerate(rows):
                if place not in without:
                    self.damaged += not send(log, self._folder, entry, row == rows[-1][0])
                self._mark("UPDATE outbox SET sent = 1 WHERE id = ?", row)
        except Exception:
            if not self.is_gone:
                self._tell_end(log)
                raise

    def _tell_end(self, log: RunLog) -> None:
        """Tell how the run ended where a file before that is refused: it is not RUNNING for ever.

        The row stays unsent: the files are sent by another call, which opens the run again.
        """
        rows = self._unsent_rows()
        if rows and rows[-1][1].startswith(b'["finish"'):
            with suppress(Exception):  # the first error counts
                send(log, self._folder, rows[-1][1], is_last=True)

    def ends_with(self, status: str) -> bool:
        """Whether the newest thing that was added is that the run ended so."""
        newest = self._execute("SELECT entry FROM outbox WHERE id > 0 ORDER BY id DESC LIMIT 1")
        return any(str(entry).startswith(f'["finish", "{status}"') for (entry,) in newest)

    def deliver_again(self, log: RunLog) -> int:
        """Send a run that was reopened what it lacks, and its end; how many points and things."""
        left, newest = self.count(), "id = (SELECT max(id) FROM outbox)"
        self._execute(f"UPDATE outbox SET sent = 0 WHERE {newest} AND entry LIKE '[\"finish\"%'")
        self.deliver(log)
        return left + self.check(log)

    def check(self, log: RunLog) -> int:
        """Read back what was sent, and send again what is not there; how much that was.

        StoreError where it is in vain. A tracker that cannot be read back is believed.
        """
        if not (isinstance(log, ReadableLog) and self._mark_lacking(log)):
            return 0
        lacking = self.count()
        self.deliver(log)
        if self._mark_lacking(log):
            raise StoreError("it takes what it is sent and does not hold it; a proxy, perhaps")
        return lacking

    def _mark_lacking(self, log: ReadableLog) -> bool:
        """Take what the tracker's run lacks as not sent; whether that is anything."""
        lacks_points = False
        for lacks in readback.lacks_points(log, self._metrics):
            lacks_points |= lacks
            self.delivered += 1
        if lacks_points:
            self._mark_points(0)
        rows = self._execute(f"SELECT {ROW} FROM outbox WHERE id > 0 ORDER BY id")
        lacking = readback.lacking_rows(rows, log.kept(), self._folder)
        for row in lacking:
            self._mark("UPDATE outbox SET sent = 0 WHERE id = ?", row)
        return lacks_points or bool(lacking)

    def mark_all_sent(self) -> None:
        """Take everything that is there as sent: it came from the tracker."""
        self._mark("UPDATE outbox SET sent = 1")
        self._mark_points(self._metrics.stat().st_size if self._metrics.exists() else 0)

    def begin_again(self, tags: Mapping[str, str]) -> None:
        """Take nothing as sent: the run has a new entry. ``tags`` follow all that there were."""
        newest = self._execute("SELECT entry FROM outbox WHERE id > 0 ORDER BY id DESC LIMIT 1")
        self._execute("UPDATE outbox SET sent = 0")
        self._points_sent = 0
        self.add("tags", dict(tags))
        for (entry,) in newest:
            if isinstance(entry, str) and entry.startswith('["finish"'):  # which is told last
                self._execute("INSERT INTO outbox (entry, sent) VALUES (?, 0)", entry)

    def _unsent_rows(self) -> list[Any]:
        return self._execute(f"SELECT {ROW} FROM outbox WHERE id > 0 AND sent = 0 ORDER BY id")

    def _mark_points(self, end: int) -> None:
        self._points_sent = end
        self._mark("INSERT OR REPLACE INTO outbox VALUES (0, 'metrics.jsonl', ?)", end)

    def _mark(self, statement: str, *values: int) -> None:
        self.delivered += 1
        with suppress(OSError):  # a full disk: the tracker gets everything, some of it twice
            self._execute(statement, *values)

    def _execute(self, statement: str, *values: Any) -> list[Any]:
        """Run one statement of SQL, for one thread at a time; what fails is an OSError."""
        with self._turn:
            try:
                return self._database.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise outbox_file.os_error(error, self._folder) from error
