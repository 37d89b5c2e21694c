"""Names that come from elsewhere, and how far they may lead."""

from __future__ import annotations

import os
import re
from pathlib import Path

from rnnx.errors import StoreError


def name_of(run_id: str) -> str:
    """The name of a run's folder: its id, which a tracker made; StoreError if it is a path."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}", run_id):
        raise StoreError(f"{run_id[:60]!r}: is not an id of a run that can name a folder")
    return run_id


def refuse_links(folder: Path) -> None:
    """StoreError for a symbolic link below a run's folder: what follows it writes elsewhere."""
    for place, folders, files in os.walk(folder):
        for path in (os.path.join(place, name) for name in (*folders, *files)):
            if os.path.islink(path):
                raise StoreError(
                    f"{path}: is a symbolic link, and a run's folder has none; put the file itself "
                    "there"
                )
