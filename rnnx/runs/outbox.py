"""What a tracker has still to get, in two files of the run's folder that a kill cannot tear.

    metrics.jsonl   every point, [key, value, step, timestamp] a line
    outbox.jsonl    everything else in order: tags, files, pictures, and how the run ended
    sent.json       how many bytes of each the tracker has

A line counts once its newline is written. Delivery begins at sent.json, so after a crash the last
lines may be delivered again: a tracker takes the same point, tag, file or picture twice as once.
A line that is none of these, or names a file outside the run's folder, is passed over.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rnnx.contracts.probes import is_image_name
from rnnx.contracts.trackers import LARGEST, Point, RunLog, is_folder, is_key, is_time, point_of
from rnnx.system.files import replacing

BATCH = 1000  # points sent at once


class Spool:
    """The two files of one run folder, and how far the tracker has them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._points, self._others = folder / "metrics.jsonl", folder / "outbox.jsonl"
        self._sent = _positions(folder / "sent.json")
        for name, path in (("points", self._points), ("others", self._others)):
            if self._sent[name] > (path.stat().st_size if path.exists() else 0):
                self._sent[name] = 0
        self.damaged = 0  # lines that were passed over

    def mend(self) -> None:
        """Cut off what a kill left of a last line: call before anything is appended."""
        for name, path in (("points", self._points), ("others", self._others)):
            _cut_torn_line(path)
            if not _ends_a_line(path, self._sent[name]):  # a power cut lost lines that were sent
                self._sent[name] = 0

    def keep_points(self, points: Sequence[Point]) -> None:
        """Append points."""
        # NaN and Infinity are written as such: Python's json reads them back.
        _append(self._points, [json.dumps(point) for point in points])

    def keep(self, what: str, *about: Any) -> None:
        """Append ``params``, ``tags``, ``file``, ``picture`` or ``finish`` with its arguments."""
        _append(self._others, [json.dumps([what, *about])])

    def sync(self) -> None:
        """Bring what was appended to the disk."""
        for path in (self._points, self._others):
            if path.exists():
                with path.open("rb") as file:
                    os.fsync(file.fileno())

    @property
    def sent(self) -> int:
        """Bytes that the tracker has: while it grows, the tracker answers."""
        return sum(self._sent.values())

    @property
    def is_gone(self) -> bool:
        """Whether the folder has been deleted."""
        return not self._folder.is_dir()

    def count(self) -> int:
        """How many points and other things the tracker has still to get."""
        points, others = self._sent["points"], self._sent["others"]
        return sum(1 for _ in (*_lines(self._points, points), *_lines(self._others, others)))

    def deliver(self, log: RunLog) -> None:
        """Send everything that is left, points first; raises what ``log`` raises.

        What has been sent when it raises stays sent. Where the folder has been deleted, even
        meanwhile, nothing is left.
        """
        try:
            self._deliver_all_points(log)
            self._deliver_others(log)
        except Exception:
            if not self.is_gone:
                raise

    def _deliver_all_points(self, log: RunLog) -> None:
        batch: list[Point] = []
        end = self._sent["points"]
        for end, line in _lines(self._points, self._sent["points"]):
            point = point_of(line)
            if point is None:
                self.damaged += 1
                continue
            batch.append(point)
            if len(batch) == BATCH:
                self._deliver_points(log, batch, end)
                batch = []
        if batch:
            self._deliver_points(log, batch, end)
        elif end > self._sent["points"]:
            self._advance("points", end)

    def _deliver_others(self, log: RunLog) -> None:
        for end, line in _lines(self._others, self._sent["others"]):
            if not self._deliver_other(log, _other_of(line), end):
                self.damaged += 1
            self._advance("others", end)

    def _deliver_points(self, log: RunLog, points: list[Point], end: int) -> None:
        log.points(points)
        self._advance("points", end)

    def _deliver_other(self, log: RunLog, line: Sequence[Any], end: int) -> bool:
        """Whether ``line`` is one of ours; then it has been sent."""
        match line:
            case ["params" | "tags" as what, dict(pairs)] if all(
                is_key(key) and isinstance(value, str) for key, value in pairs.items()
            ):
                (log.params if what == "params" else log.tags)(pairs)
            case ["finish", "FINISHED" | "FAILED" | "KILLED" as status, ended] if is_time(ended):
                if end == self._others.stat().st_size:  # else the run has gone on since
                    log.finish(status, ended)
            case ["file", str(name), str(folder)] if not folder or is_folder(folder):
                if path := self._file(name):
                    log.file(path, folder)
            case ["picture", str(name), str(key), int(step)] if 0 <= step < LARGEST:
                if is_image_name(key) and (path := self._file(name)):
                    log.picture(key, path, step)
            case _:
                return False
        return True

    def _file(self, name: str) -> Path | None:
        """A file of the run's folder; None where it has gone (an older checkpoint, say)."""
        path = self._folder / name
        try:
            inside = path.resolve(strict=True).is_relative_to(self._folder.resolve())
            return path if inside and path.is_file() else None
        except (OSError, ValueError, RuntimeError):  # not there, a NUL in it, a ring of links
            return None

    def sent_all(self) -> None:
        """Take everything that is there as sent: it came from the tracker."""
        for name, path in (("points", self._points), ("others", self._others)):
            self._advance(name, path.stat().st_size if path.exists() else 0)

    def _advance(self, name: str, end: int) -> None:
        self._sent[name] = end
        # On a full disk the tracker still gets everything; a later process sends some of it twice.
        with suppress(OSError), replacing(self._folder / "sent.json") as temporary:
            temporary.write_text(json.dumps(self._sent), "utf-8")


def _positions(path: Path) -> dict[str, int]:
    try:
        known = json.loads(path.read_text("utf-8"))
        found = {"points": known["points"], "others": known["others"]}
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        found = {}
    if found and all(type(n) is int and 0 <= n < LARGEST for n in found.values()):
        return found
    return {"points": 0, "others": 0}  # sending twice does no harm


def _other_of(line: str) -> Sequence[Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return ()
    return found if isinstance(found, list) else ()


def _append(path: Path, lines: Sequence[str]) -> None:
    """Append whole lines: all of them, or those that there was room for."""
    content = memoryview("".join(line + "\n" for line in lines).encode())
    # Without a buffer: closing one would write what an error left in it.
    with path.open("ab", buffering=0) as file:
        try:
            while content:
                content = content[file.write(content) :]
        except OSError:
            _cut_torn_line(path)  # whole lines may be on their way to the tracker already
            raise


def _lines(path: Path, start: int) -> Iterator[tuple[int, str]]:
    """The whole lines from byte ``start`` on, each with the place where it ends."""
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(start)
        for line in file:
            if not line.endswith(b"\n"):
                return
            start += len(line)
            yield start, line.decode("utf-8", "replace")


def _ends_a_line(path: Path, end: int) -> bool:
    if end == 0 or not path.exists():
        return end == 0
    with path.open("rb") as file:
        file.seek(end - 1)
        return file.read(1) == b"\n"


def _cut_torn_line(path: Path) -> None:
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)
