"""Paths made of names that come from elsewhere: none may lead out of the folder it belongs to."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rnnx.errors import StoreError
from rnnx.system.files import expanded


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


def refuse_links(folder: Path) -> None:
    """StoreError for a symbolic link below a run's folder: what follows it writes elsewhere."""
    for place, folders, files in os.walk(folder):
        for path in (os.path.join(place, name) for name in (*folders, *files)):
            if os.path.islink(path):
                raise StoreError(
                    f"{path}: is a symbolic link, and a run's folder has none; put the file itself "
                    "there"
                )


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
