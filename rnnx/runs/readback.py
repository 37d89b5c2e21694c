"""Compares what a tracker was sent with what it holds: an answer may come from somebody else.

The outbox marks what a tracker took. A proxy that answers for its server takes everything and keeps
nothing, so at the end of a run, and before a user is told that the tracker has everything, the run
is read back from the store.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rnnx.contracts.trackers import Kept, ReadableLog
from rnnx.runs.metrics_file import read_history


def lacks_points(log: ReadableLog, metrics: Path) -> Iterator[bool]:
    """For each metric in turn, whether the tracker holds fewer points than the file."""
    for key, points in read_history(metrics).items():
        held = log.count(key)
        yield held is not None and held < len({(p.step, p.timestamp) for p in points})


def lacking_rows(rows: Iterable[tuple[int, Any]], kept: Kept, folder: Path) -> list[int]:
    """The numbers of the outbox's rows (oldest first) of which the tracker does not hold all."""
    newest: dict[str, tuple[int, bool]] = {}
    for row, entry in rows:
        for what, is_held in _held(entry, kept, folder):
            newest[what] = row, is_held
    return sorted({row for row, is_held in newest.values() if not is_held})


def _held(entry: Any, kept: Kept, folder: Path) -> Iterator[tuple[str, bool]]:
    """Each thing that an entry is about, and whether the tracker holds it as it is now."""
    try:
        parsed = json.loads(entry)
    except (ValueError, TypeError, RecursionError):
        return
    match parsed:
        case ["params", dict(pairs)]:
            yield from ((f"params/{name}", name in kept.params) for name in pairs)
        case ["finish", str(status), _]:
            yield "status", kept.status == status
        case ["file", str(name), str(place)] if (folder / name).is_file():
            path = f"{place}/{Path(name).name}".lstrip("/")
            yield path, kept.files.get(path) == (folder / name).stat().st_size
        case ["image" | "picture", str(name), str(key), int(step)] if (folder / name).is_file():
            yield f"image {key} {step}", (key, step) in kept.images
