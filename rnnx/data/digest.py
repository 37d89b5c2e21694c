"""What a corpus trains on and what it holds out, as one SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from rnnx.arrays import Array
from rnnx.data.coded import CodedIds
from rnnx.data.corpus import (
    Corpus,
    Examples,
    Stream,
    TextSplit,
    slices,
    smallest_unsigned,
    text_parts,
)
from rnnx.data.sequences import Endless, Sequences
from rnnx.system.files import cache_folder, read_json, write_json

Buffer: TypeAlias = bytes | memoryview

CHUNK_SIZE = 1 << 20  # ids that are copied at once
DRAWN = 16  # sequences by which a function that draws them without end is known


def split_sha256(corpus: Corpus) -> str:
    """SHA-256, in hexadecimal, of the symbols and of both parts' content, example by example.

    Two corpora with equal digests train on equal examples in equal order, and hold out equal ones.
    Examples without end are told apart by the first ones of a generator of seed 0.
    """
    symbols = corpus.vocabulary.symbols
    if not corpus.is_language:
        about = repr((symbols, corpus.vocabulary.end_id, corpus.targets, corpus.features))
        parts = [corpus.train, *([] if corpus.val is None else [corpus.val])]
        return sequences_sha256(*parts, about=about)  # type: ignore[arg-type]
    about = repr((symbols, corpus.vocabulary.end_id))
    kept = _kept(about, text_parts(corpus))
    if kept is not None and (known := _known(kept)):
        return known
    sha = hashlib.sha256(about.encode("utf-8", "backslashreplace"))
    dtype = smallest_unsigned(len(symbols))
    # A chunk is digested in another thread while the next one is read.
    with ThreadPoolExecutor(1) as beside:
        before: Future[None] | None = None
        for part in text_parts(corpus):
            for chunk in _chunks(part, dtype):
                if before is not None:
                    before.result()
                before = beside.submit(sha.update, chunk)
    if kept is not None:
        with suppress(OSError):  # then the next run computes it, too
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_json(kept, {"sha256": sha.hexdigest()})
    return sha.hexdigest()


def _chunks(part: TextSplit | None, dtype: np.dtype[Any]) -> Iterator[Buffer]:
    """All that is digested of a part, in order."""
    yield _shape(part)
    for ids in _content(part):
        yield np.ascontiguousarray(ids, dtype).data


def _kept(about: str, parts: Sequence[TextSplit | None]) -> Path | None:
    """The cache's file for a text whose ids need not be read to know what they are, else None."""
    contents = []
    for part in parts:
        if part is None:
            continue
        ids: object = part.ids
        if not isinstance(part, Stream) or not isinstance(ids, CodedIds):
            return None
        contents.append((ids.content, part.length))
    name = hashlib.sha256(repr((about, contents)).encode("utf-8", "backslashreplace")).hexdigest()
    return cache_folder() / "texts" / f"split-{name[:32]}.json"


def _known(path: Path) -> str:
    found = read_json(path).get("sha256")
    return found if isinstance(found, str) and len(found) == 64 else ""


def sequences_sha256(*parts: Sequences | Endless, about: str = "") -> str:
    """SHA-256, in hexadecimal, of sequences with their targets and weights, and of ``about``.

    The ``Corpus.sha256`` of a data set that reads no file may be that of its parts.
    """
    sha = hashlib.sha256(about.encode("utf-8", "backslashreplace"))
    for part in parts:
        fixed = part.fixed(DRAWN, 0) if isinstance(part, Endless) else part
        sha.update(f"{type(part).__name__} {fixed.per_sequence} {fixed.shuffle} ".encode())
        for array in (fixed.lengths, fixed.starts, fixed.y, fixed.ids, fixed.features):
            _update(sha, array)
        _update(sha, fixed.weights)
    return sha.hexdigest()


def _update(sha: hashlib._Hash, array: Array | None) -> None:
    """The content of an array by its values: whole numbers as int64, all others as they are."""
    if array is None:
        sha.update(b"none ")
        return
    sha.update(f"{array.shape} {array.dtype.kind} ".encode())
    for start in range(0, len(array), CHUNK_SIZE):
        part = array[start : start + CHUNK_SIZE]
        whole = part.astype(np.int64) if part.dtype.kind in "iub" else part
        sha.update(np.ascontiguousarray(whole).data)


def _shape(part: TextSplit | None) -> bytes:
    """Where examples begin and end, and all else beside the targets themselves."""
    if part is None:
        return b"none"
    if not isinstance(part, Examples):
        return f"stream {len(part.ids)} {part.length}".encode()
    first = b"" if part.first is None else np.ascontiguousarray(part.first, np.int64).tobytes()
    lengths = np.ascontiguousarray(part.lengths, np.int64).tobytes()
    return f"examples {len(part)} {part.shuffle} {part.carry} ".encode() + lengths + first


def _content(part: TextSplit | None) -> Iterator[Array]:
    """All targets of a part in order, in chunks."""
    if part is None:
        return
    if not isinstance(part, Examples):
        yield from slices(part.ids, CHUNK_SIZE)
        return
    yield from part.target_chunks(CHUNK_SIZE)
