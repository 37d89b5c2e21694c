"""The project of a run: the directory in which it began, also after a move or a copy.

A configuration has paths relative to that directory: its data, its store. run.json keeps the
directory (``cwd``) and the place of the run's folder at that time (``place``). A folder that is
found at another place was moved or copied. If the project came along, the new project is at the
same distance from the folder as the old one was.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any

from rnnx.runs.folder import RunFolder


def project_of(folder: RunFolder, known: Mapping[str, Any] | None = None) -> Path | None:
    """The directory whose relative paths the run's configuration means; None if unknown or gone.

    ``known`` are the fields of its run.json where they were read.
    """
    known, here = folder.read() if known is None else known, folder.path.resolve()
    began = known.get("cwd")
    if not isinstance(began, str) or "\0" in began or not os.path.isabs(began):
        return None
    cwd, place = Path(began), known.get("place")
    if not isinstance(place, str) or "\0" in place:  # of an earlier rnnx: outputs/<id> in it
        place = str(cwd.joinpath(*here.parts[-2:]))
    moved = _moved_along(cwd, Path(place), here)
    return next((path for path in (moved, cwd) if path is not None and path.is_dir()), None)


def _moved_along(cwd: Path, place: Path, here: Path) -> Path | None:
    """Where ``cwd`` is now if it went the way of the folder; None if it cannot have."""
    pairs = zip(reversed(place.parts), reversed(here.parts), strict=False)
    common = len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))
    before, now = Path(*place.parts[: -common or None]), Path(*here.parts[: -common or None])
    return now / cwd.relative_to(before) if cwd.is_relative_to(before) else None


def is_anothers(folder: RunFolder, elsewhere: str) -> bool:
    """Whether ``elsewhere`` is another folder of the same run: this one is a copy of it."""
    other, here = Path(elsewhere), folder.path.resolve()
    if not elsewhere or "\0" in elsewhere or other == here:
        return False
    try:
        known = RunFolder(other).read().get("id")
        return known == folder.read().get("id", folder.id) and not other.samefile(here)
    except OSError:  # it is gone: the folder was moved
        return False


def settle(folder: RunFolder, project: Path) -> None:
    """Keep where the folder and its project are now."""
    now = {"cwd": str(project), "place": str(folder.path.resolve())}
    if any(folder.read().get(key) != value for key, value in now.items()):
        folder.write(now)
