"""One entry of an outbox on its way to the tracker: checked, then sent.

A run's folder may come from anybody. An entry that is none of rnnx's, or names a file outside the
folder, is not sent.
"""

from __future__ import annotations

import json
from pathlib import Path

from rnnx.contracts.probes import is_file_name, is_image_name
from rnnx.contracts.trackers import LARGEST, RemovingLog, RunLog, is_folder, is_key, is_time
from rnnx.system.text import storable


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
        case ["file", str(name), str(place)] if not place or is_folder(place):
            if path := _file(folder, name):
                log.file(path, place)
        case ["remove", str(name)] if is_file_name(name):
            if isinstance(log, RemovingLog):
                log.remove(name)
        case ["image" | "picture", str(name), str(key), int(step)] if 0 <= step < LARGEST:
            if is_image_name(key) and (path := _file(folder, name)):
                send_image(log, key, path, step)
        case _:
            return False
    return True


def send_image(log: RunLog, name: str, path: Path, step: int) -> None:
    """Send an image; a tracker written when ``RunLog.image`` was ``picture`` gets it there."""
    image = getattr(log, "image", None) or getattr(log, "picture")  # noqa: B009
    image(name, path, step)


def _file(folder: Path, name: str) -> Path | None:
    """A file of the folder; None where it has gone (an older checkpoint, say)."""
    path = folder / name
    try:
        inside = path.resolve(strict=True).is_relative_to(folder.resolve())
        return path if inside and path.is_file() else None
    except (OSError, ValueError, RuntimeError):  # not there, a NUL in it, a ring of links
        return None
