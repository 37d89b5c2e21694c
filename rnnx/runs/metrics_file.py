"""metrics.jsonl: every point of a run, ``[key, value, step, timestamp]`` a line.

A line counts once its newline is written, so neither a kill nor a full disk can tear any but the
last, which the next ``append`` cuts off.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from rnnx.contracts.trackers import Point, point_of
from rnnx.system import files

NAME = "metrics.jsonl"
MAX_LINE = 2**20  # bytes; a line of ours has some hundred
MAX_BYTES = 2**32  # of the file; a million steps take some ten million


def append(path: Path, points: Sequence[Point]) -> None:
    """Append points: whole lines, as many as there is room for."""
    # NaN and Infinity are written as such: Python's json reads them back.
    content = memoryview("".join(json.dumps(point) + "\n" for point in points).encode())
    if path.exists() and not is_line_end(path, path.stat().st_size):
        os.truncate(path, path.read_bytes().rfind(b"\n") + 1)
    # Without a buffer: closing one would write what an error left in it.
    with path.open("ab", buffering=0) as file:
        while content:
            content = content[file.write(content) :]


def sync(path: Path) -> None:
    """Bring what was appended to the disk: it outlives a power cut."""
    if path.exists():
        files.sync(path)


def lines(path: Path, start: int = 0) -> Iterator[tuple[int, str]]:
    """The whole lines from byte ``start`` on, each with the byte at which it ends.

    A line that is too long to be one of ours is empty.
    """
    if not _is_readable(path):
        return
    with path.open("rb") as file:
        file.seek(start)
        while line := file.readline(MAX_LINE):
            size, is_ours = len(line), True
            while not line.endswith(b"\n"):
                line, is_ours = file.readline(MAX_LINE), False
                if not line:  # torn, or being written
                    return
                size += len(line)
            start += size
            yield start, line.decode("utf-8", "replace") if is_ours else ""


def is_line_end(path: Path, place: int) -> bool:
    """Whether a line ends at this byte, as one does at the beginning of the file."""
    size = path.stat().st_size if _is_readable(path) else 0
    if not 0 < place <= size:
        return place == 0
    with path.open("rb") as file:
        file.seek(place - 1)
        return file.read(1) == b"\n"


def _is_readable(path: Path) -> bool:
    """Whether it is a regular file that rnnx may have written: a pipe would be read for ever."""
    return path.is_file() and path.stat().st_size <= MAX_BYTES


def read_history(path: Path, keys: Sequence[str] | None = None) -> dict[str, list[Point]]:
    """Metric → its points in order; a damaged line is passed over.

    ``keys``: of these metrics alone, which are read without parsing the lines of others.
    """
    history: dict[str, list[Point]] = {}
    begins = "" if keys is None else tuple(f"[{json.dumps(key)}," for key in keys)
    for _, line in lines(path):
        if line.startswith(begins) and (point := point_of(line)):
            history.setdefault(point.key, []).append(point)
    return history
