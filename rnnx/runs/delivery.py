"""One entry of an outbox on its way to the tracker: checked, then sent.

A run's folder may come from anybody. An entry that is none of rnnx's, or names a file outside the
folder, is not sent.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rnnx.contracts.probes import is_file_name, is_image_name
from rnnx.contracts.trackers import (
    LARGEST,
    CheckpointLog,
    DataLog,
    DescribedLog,
    RemovingLog,
    RunLog,
    TableLog,
    is_folder,
    is_key,
    is_time,
)
from rnnx.runs import rounds_file
from rnnx.runs.paths import file_inside
from rnnx.runs.saved import checkpoint_of, part_of
from rnnx.system.text import storable

# How entries begin of which the newest counts alone; a table has all rounds.
REPLACED = ('["checkpoints"', '["describe"', '["table", "predictions.csv"')


def send(log: RunLog, folder: Path, entry: bytes, is_last: bool) -> bool:
    """Send an entry of the run in ``folder`` where there is still need; False for a damaged one."""
    try:
        parsed = json.loads(entry)
    except (ValueError, TypeError, RecursionError):
        return False
    match parsed:
        case ["params" | "tags" as what, dict(pairs)] if all(
            is_key(key) and isinstance(value, str) for key, value in pairs.items()
        ):
            texts = {key: storable(value) for key, value in pairs.items()}
            (log.params if what == "params" else log.tags)(texts)
        case ["finish", "FINISHED" | "FAILED" | "KILLED" as status, ended] if is_time(ended):
            if is_last:  # else the run was resumed since
                log.finish(status, ended)
        case ["remove", str(name)] if is_file_name(name):
            if isinstance(log, RemovingLog):
                log.remove(name)
        case ["file" | "image" | "picture" | "table", *_]:
            return _send_file(log, folder, parsed)
        case ["data" | "checkpoints" | "describe", _]:
            return _send_about(log, folder, *parsed)
        case _:
            return False
    return True


def _send_file(log: RunLog, folder: Path, parsed: list[Any]) -> bool:
    """Send a file of the run, if it is there; False for a damaged entry."""
    match parsed:
        case ["file", str(name), str(place)] if not place or is_folder(place):
            if path := file_inside(folder, name):
                log.file(path, place)
        case ["image" | "picture", str(name), str(key), int(step)] if 0 <= step < LARGEST:
            if is_image_name(key) and (path := file_inside(folder, name)):
                send_image(log, key, path, step)
        case ["table", str(name), str(key)] if is_image_name(key):
            if isinstance(log, TableLog) and (path := file_inside(folder, name)):
                log.table(key, *rounds_file.table(path))
        case _:
            return False
    return True


def _send_about(log: RunLog, folder: Path, what: str, value: Any) -> bool:
    """Send what only some trackers have a place for; False for a damaged entry."""
    if what == "describe":
        if isinstance(value, str) and isinstance(log, DescribedLog):
            log.describe(storable(value))
        return isinstance(value, str)
    if not isinstance(value, list):
        return False
    if what == "data":
        parts = [part for one in value if (part := part_of(one))]
        if parts and isinstance(log, DataLog):
            log.data(parts)
        return len(parts) == len(value)
    if isinstance(log, CheckpointLog):
        log.checkpoints([found for one in value if (found := checkpoint_of(one, folder))])
    return True


def replaced(entries: Sequence[bytes]) -> set[int]:
    """The places of entries that need not be sent, since a newer one says the same anew."""
    places: set[int] = set()
    for start in REPLACED:
        found = [k for k, entry in enumerate(entries) if entry.startswith(start.encode())]
        places.update(found[:-1])
    return places


def send_image(log: RunLog, name: str, path: Path, step: int) -> None:
    """Send an image; a tracker written when ``RunLog.image`` was ``picture`` gets it there."""
    image = getattr(log, "image", None) or getattr(log, "picture")  # noqa: B009
    image(name, path, step)
