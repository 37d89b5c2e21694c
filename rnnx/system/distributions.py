"""Entry points of the installed distributions, one by one: a damaged one costs itself alone."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple


class Damaged(NamedTuple):
    """A distribution whose entry points cannot be read."""

    name: str
    version: str
    error: Exception


def entry_points(**params: Any) -> tuple[metadata.EntryPoints, list[Damaged]]:
    """What ``importlib.metadata.entry_points`` selects, and what it would fail for.

    That function raises where one distribution is damaged: a file that is not UTF-8, say, or a
    folder that an interrupted pip left.
    """
    found: dict[str, metadata.EntryPoints] = {}
    damaged = []
    for distribution in metadata.distributions():
        name, version = name_and_version(distribution)
        try:
            found.setdefault(normalized(name), distribution.entry_points)  # the first on the path
        except Exception as error:
            damaged.append(Damaged(name, version, error))
    points = metadata.EntryPoints(point for own in found.values() for point in own)
    return points.select(**params), damaged


def name_and_version(distribution: metadata.Distribution | None) -> tuple[str, str]:
    """As its metadata says, else as its folder is called."""
    try:
        if distribution is not None:
            known = distribution.metadata
            if name := known["Name"]:
                return str(name), str(known["Version"])
    except Exception:  # metadata that cannot be read
        pass
    path = getattr(distribution, "_path", None)  # …/name-1.0.dist-info
    return (Path(path).stem if path is not None else "unknown"), "?"


def normalized(name: str) -> str:
    """The form in which the names of distributions are equal."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()
