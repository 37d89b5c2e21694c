"""The user's cache folder: what is computed once for a content and can be computed again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_folder() -> Path:
    """RNNX_CACHE, else the user's cache folder for rnnx; it may not exist yet."""
    from platformdirs import user_cache_path

    given = os.environ.get("RNNX_CACHE")
    return expanded(given) if given else user_cache_path("rnnx")


def expanded(path: str | Path) -> Path:
    """The path with ~ as the user's home; a ~name of nobody stays as it is."""
    return Path(os.path.expanduser(path))


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path`` that becomes ``path`` if all goes well.

    Its folder has to be there: a run's that was deleted does not come back with one file in it.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
