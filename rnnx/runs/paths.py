"""Paths made of names that come from elsewhere: none may lead out of the folder it belongs to."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rnnx.errors import StoreError
from rnnx.system.files import expanded

# How the names of files end that rnnx writes.
FILES = (".json", ".jsonl", ".yaml", ".db", ".csv", ".log", ".safetensors")


def name_of(run_id: str) -> str:
    """The name of a run's folder: its id, which a tracker made; StoreError if it is a path."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}", run_id):
        raise StoreError(f"{run_id[:60]!r}: is not an id of a run that can name a folder")
    return run_id


def inside(folder: Path, name: str) -> Path:
    """The path ``name`` below ``folder``; StoreError for a name that leads out of it."""
    path, root = (folder / name).resolve(), folder.resolve()
    if not path.is_relative_to(root) or path == root:
        raise StoreError(f"{name!r}: is not the name of a file inside a run's folder")
    return path


def file_inside(folder: Path, name: str) -> Path | None:
    """A file of the folder; None where it has gone (an older checkpoint, say) or is elsewhere."""
    path = folder / name
    try:
        is_inside = path.resolve(strict=True).is_relative_to(folder.resolve())
        return path if is_inside and path.is_file() else None
    except (OSError, ValueError, RuntimeError):  # not there, a NUL in it, a ring of links
        return None


def refuse_links(folder: Path, engine: Path | None = None) -> None:
    """StoreError for what is neither file nor folder below a run's or a sweep's folder.

    What follows a symbolic link writes elsewhere, a pipe is waited for, and a device never ends.
    ``engine`` is the folder of what starts a sweep's jobs: submitit leaves a link there for each
    script that it gives Slurm, to a file beside it. Such links are no trouble.
    """
    for place, folders, files in os.walk(folder):
        for path in (os.path.join(place, name) for name in (*folders, *files)):
            if (kind := _wrong_kind(path)) and not _stays_inside(path, engine):
                raise StoreError(
                    f"{path}: is {kind}, and a run's folder has none; put the file itself there"
                )


def _stays_inside(path: str, folder: Path | None) -> bool:
    """Whether a link and the file that it names are both below ``folder``."""
    if folder is None or not os.path.islink(path):
        return False
    inside, target = folder.resolve(), Path(path).resolve()
    return Path(path).parent.resolve().is_relative_to(inside) and target.is_relative_to(inside)


def _wrong_kind(path: str) -> str:
    """What is wrong with the kind of a file in a run's folder; empty for nothing."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:  # deleted since
        return ""
    if stat.S_ISLNK(mode):
        return "a symbolic link"
    if stat.S_ISDIR(mode):
        return "a folder in the place of a file" if path.endswith(FILES) else ""
    return "" if stat.S_ISREG(mode) else "no file but a pipe, a socket or a device"


@contextmanager
def writing_below(outputs: str) -> Iterator[Path]:
    """The folder ``outputs``; StoreError for what inside cannot write there."""
    path = expanded(outputs)
    if path.parts and path.parts[0].startswith("~"):
        cause = f"there is no user {path.parts[0][1:]}"
        raise StoreError(f"outputs={outputs}: {cause}; say outputs=FOLDER with another folder")
    try:
        yield path
    except OSError as error:
        raise StoreError(
            f"outputs={outputs}: cannot be written ({error.strerror}); "
            "say outputs=FOLDER with another folder"
        ) from None
