"""A large text of ASCII: looked through once, and not written again as ids.

The file is read once for its SHA-256 and its characters. Both are kept with the file's size, times
and inode: while these are the same, the next run reads neither.
"""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from rnnx.data.coded import Signature
from rnnx.system.files import cache_folder, read_json, write_json

LARGE = 2**26  # bytes from which on writing ids takes longer than a run's start may
CHUNK_SIZE = 4 << 20  # bytes that are read at once
SETTLED = 2 * 10**9  # nanoseconds: a file that changed since may change again with the same time


class Plain(NamedTuple):
    """A text of ASCII without carriage returns and NUL: its bytes are its characters."""

    signature: Signature
    sha256: str  # of its bytes
    codes: bytes  # the distinct ones, sorted


def look_through(file: Path) -> Plain | None:
    """What a large file holds; None where it is small or another text."""
    signature = Signature.of(file)
    if signature.size < LARGE:
        return None
    known = cache_folder() / "texts" / _name(file)
    if (found := _known(known, signature)) is not None:
        return found
    read = _read(file)
    if read is None or Signature.of(file) != signature:
        return None
    if time.time_ns() - max(signature.time, signature.changed) > SETTLED:
        with suppress(OSError):  # then the next run reads it, too
            known.parent.mkdir(parents=True, exist_ok=True)
            about = {"signature": signature, "sha256": read[0], "codes": list(read[1])}
            write_json(known, about)
    return Plain(signature, *read)


def _name(file: Path) -> str:
    return hashlib.sha256(str(file.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _known(path: Path, signature: Signature) -> Plain | None:
    about = read_json(path)
    try:
        if Signature(*about["signature"]) != signature:
            return None
        sha256, codes = about["sha256"], bytes(about["codes"])
    except (KeyError, TypeError, ValueError):
        return None
    is_whole = type(sha256) is str and len(sha256) == 64 and _is_plain(codes)
    return Plain(signature, sha256, codes) if is_whole else None


def _is_plain(codes: bytes) -> bool:
    return bool(codes) and codes.isascii() and not {0, ord("\r")} & set(codes)


def _read(file: Path) -> tuple[str, bytes] | None:
    """The SHA-256 and the distinct bytes; None as soon as one of them is no plain text's.

    The digest of a chunk is computed in another thread while the next one is looked through.
    """
    sha, seen = hashlib.sha256(), b""
    before: Future[None] | None = None
    with file.open("rb") as data, ThreadPoolExecutor(1) as beside:
        while chunk := data.read(CHUNK_SIZE):
            if fresh := chunk.translate(None, seen):  # what is left without those that are known
                seen = bytes(sorted({*seen, *fresh}))
                if not _is_plain(seen):
                    return None
            if before is not None:
                before.result()
            before = beside.submit(sha.update, chunk)
    return (sha.hexdigest(), seen) if seen else None
