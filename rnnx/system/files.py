"""Files: the cache folder, paths as users type them, small JSON files, files replaced at once."""

from __future__ import annotations

import errno
import glob
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rnnx.system.owner import is_dead, owner

JSON_LIMIT = 2**26  # bytes of a small JSON file; most of them have some thousand


def cache_folder() -> Path:
    """RNNX_CACHE, else the user's cache folder for rnnx; it may not exist yet.

    It holds what was computed for some content and can be computed again.
    """
    from platformdirs import user_cache_path

    given = os.environ.get("RNNX_CACHE")
    return expanded(given) if given else user_cache_path("rnnx")


def other_writers(path: Path) -> str:
    """Who else may write into a folder, as far as its mode says; empty if nobody may."""
    try:
        status = path.stat()
    except OSError:
        return ""
    if not hasattr(os, "getuid"):  # Windows has no modes
        return ""
    if status.st_uid not in (os.getuid(), 0):
        return "its owner, another user,"
    if status.st_mode & stat.S_IWOTH:
        return "every user"
    if status.st_mode & stat.S_IWGRP and not _is_own_group(status.st_gid):
        return "its group"
    return ""


def _is_own_group(gid: int) -> bool:
    """Whether it is the user's private group: many systems make one for each, with all rights."""
    import grp
    import pwd

    try:
        user, group = pwd.getpwuid(os.getuid()), grp.getgrgid(gid)
    except KeyError:
        return False
    return group.gr_name == user.pw_name and not set(group.gr_mem) - {user.pw_name}


def expanded(path: str | Path) -> Path:
    """A path that a user typed, with ~ as the home folder; ~name stays where nobody has the name.

    Every such path goes through here: ``Path.expanduser`` raises RuntimeError for an unknown name.
    """
    return Path(os.path.expanduser(path))


def read_regular(path: Path | str, limit: int) -> bytes:
    """The bytes of a regular file of up to ``limit`` bytes; OSError for anything else.

    A folder from elsewhere may have a pipe in the place of a file, which would wait for ever, or a
    device, which never ends.
    """
    # O_NONBLOCK: opening a pipe returns at once. Windows has neither.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
    with open(os.open(path, flags | getattr(os, "O_BINARY", 0)), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "is no regular file", str(path))
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"has more than {limit:,} bytes", str(path))
    return content


def read_json(path: Path) -> dict[str, Any]:
    """The mapping in a small JSON file; empty where it is missing, damaged or no such file."""
    try:
        found = json.loads(read_regular(path, JSON_LIMIT).decode())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def write_json(path: Path, value: Any, tidy: bool = True) -> None:
    """Write a small JSON file, all at once or not at all; ``tidy`` as in :func:`replacing`."""
    with replacing(path, tidy=tidy) as temporary:
        temporary.write_text(json.dumps(value, indent=1), "utf-8")


@contextmanager
def replacing(path: Path, to_disk: bool = False, tidy: bool = True) -> Iterator[Path]:
    """A temporary name beside ``path`` that becomes ``path`` if all goes well.

    ``to_disk``: the new file outlives a power cut. The folder has to exist: a run's folder that
    was deleted does not come back with one file in it. ``tidy``: what a killed process left of the
    same file is deleted, for which the whole folder is looked through.
    """
    if tidy:
        remove_left(path.parent, path.name)
    temporary = path.with_name(f".{path.name}.{owner()}.tmp")
    try:
        yield temporary
        if to_disk:
            sync(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if to_disk:
        sync(path.parent)


def remove_left(folder: Path, name: str = "") -> None:
    """Delete what killed processes left of the file ``name``, or of all files, in a folder."""
    for left in folder.glob(f".{glob.escape(name) or '*'}.*.tmp"):
        if is_dead(left.suffixes[-2].lstrip(".")):
            left.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Bring a file or the names in a folder to the disk: they outlive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
