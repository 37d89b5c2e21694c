"""metrics.jsonl: every point of a run, ``[key, value, step, timestamp]`` a line.

A line counts once its newline is written, so neither a kill nor a full disk can tear any but the
last, which the next ``append`` cuts off.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from rnnx.contracts.trackers import Point, point_of
from rnnx.system import files

NAME = "metrics.jsonl"
MAX_LINE = 2**20  # bytes; a line of ours has some hundred
MAX_BYTES = 2**32  # of the file; a million steps take some ten million
CURVE_POINTS = 10_000  # of a curve that is drawn: more than a figure has pixels

Curves: TypeAlias = dict[str, list[Point]]


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


def points(path: Path, keys: Collection[str] | None = None) -> Iterator[Point]:
    """All points in order; a damaged line is passed over.

    ``keys``: of these metrics alone, which are read without parsing the lines of others.
    """
    begins = "" if keys is None else tuple(f"[{json.dumps(key)}," for key in keys)
    for _, line in lines(path):
        if line.startswith(begins) and (point := point_of(line)):
            yield point


def read_history(path: Path, keys: Collection[str] | None = None) -> dict[str, list[Point]]:
    """Metric → its points in order, of all metrics or of ``keys``, as :func:`points` reads them."""
    history: dict[str, list[Point]] = {}
    for point in points(path, keys):
        history.setdefault(point.key, []).append(point)
    return history


def read_curves(path: Path, keys: Collection[str], most: int = CURVE_POINTS) -> Curves:
    """The same for these metrics; of one with more than ``2 · most`` points every 2ⁿ-th, and the
    last: at least ``most`` of them.
    """
    curves: dict[str, list[Point]] = {}
    every: dict[str, int] = {}
    last: dict[str, Point] = {}
    count = Counter[str]()
    for point in points(path, keys):
        key = point.key
        curve, stride = curves.setdefault(key, []), every.setdefault(key, 1)
        last[key] = point
        if count[key] % stride == 0:
            curve.append(point)
            if len(curve) > 2 * most:
                curves[key], every[key] = curve[::2], 2 * stride
        count[key] += 1
    for key, point in last.items():
        if curves[key][-1] is not point:
            curves[key].append(point)
    return curves
