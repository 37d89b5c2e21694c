"""The check of a data set's SHA-256: other data has another one."""

from __future__ import annotations

import builtins
import hashlib
import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np

from rnnx.contracts.components import Dataset
from rnnx.data.corpus import Corpus, Examples, Stream, TextSplit
from rnnx.data.sequences import Endless, Sequences
from rnnx.errors import InputError
from rnnx.testing.suite import NotApplicable, expect

FILES = 3  # how many of the files that are read are changed
SPLIT = ("val_fraction", "split_seed")  # fields that change the split and not the data


DRAWN = 16  # sequences that stand for those without end


def named_splits(corpus: Corpus) -> list[tuple[str, Examples | Stream | Sequences]]:
    """The parts of a corpus with their names; the first sequences of one without end."""
    parts = [("train", corpus.train), ("val", corpus.val)]
    whole = [(name, p.fixed(DRAWN, 0) if isinstance(p, Endless) else p) for name, p in parts]
    return [(name, part) for name, part in whole if part is not None]


def named_texts(corpus: Corpus) -> list[tuple[str, TextSplit]]:
    """The parts of a language; NotApplicable where the targets are others."""
    found = [(name, p) for name, p in named_splits(corpus) if isinstance(p, Examples | Stream)]
    if not found:
        raise NotApplicable(f"the data set has {corpus.targets.words} to learn and is no language")
    return found


def arrays_of(part: Examples | Stream | Sequences) -> dict[str, np.ndarray]:
    """All arrays of a part by name."""
    return {k: v for k, v in vars(part).items() if isinstance(v, np.ndarray)}


def same_arrays(one: Any, other: Any) -> bool:
    """Whether two arrays are the same; NaN, which may stand where nothing counts, is like NaN."""
    a, b = np.asarray(one), np.asarray(other)
    if "O" in (a.dtype.kind, b.dtype.kind):
        return np.array_equal(a, b)
    return np.array_equal(a, b, equal_nan=True)


def check_sha256(dataset: Dataset) -> None:
    """``sha256`` has 64 hexadecimal digits, and other data gives another one.

    Other data: a file that is read, its last line first; or where no file is read, other values of
    the fields that change the ids.
    """
    corpus = dataset.load(0)
    digits = corpus.sha256
    expect(
        isinstance(digits, str) and bool(re.fullmatch("[0-9a-f]{64}", digits)),
        f"sha256 is {digits!r:.80}, not 64 hexadecimal digits",
    )
    of_data = len(set(digits)) > 4 and digits != hashlib.sha256().hexdigest()
    expect(of_data, f"sha256={digits}: is not that of data")
    for what, found in _other_corpora(dataset):
        if not _same_ids(corpus, found):
            expect(
                found.sha256 != digits,
                f"sha256 is the same for other data ({what}): hash what is read",
            )


def _other_corpora(dataset: Any) -> list[tuple[str, Corpus]]:
    """Corpora of other data, and in words what is other."""
    found: list[tuple[str, Corpus]] = []
    files, reads_any = _files_read_by(dataset)
    for path in files:
        with TemporaryDirectory() as folder:
            copy = Path(folder) / path.name
            copy.write_bytes(_rotated(path.read_bytes()))
            # Whatever reading another format so raises: then nothing is known.
            with suppress(Exception), _in_place_of(path, copy):
                found.append((f"{path.name} with its last line first", dataset.load(0)))
    if reads_any:
        return found  # the fields choose how a file is read, which the SHA-256 does not tell
    for item in fields(dataset):
        value = getattr(dataset, item.name)
        if type(value) in (int, float) and item.name not in SPLIT:
            for changed in (value + 1, value - 1, value * 2):
                with suppress(InputError):
                    other: Any = replace(dataset, **{item.name: changed})
                    found.append((f"{item.name}={changed}", other.load(0)))
    return found


def _same_ids(one: Corpus, other: Corpus) -> bool:
    parts, others = named_splits(one), named_splits(other)
    return (
        one.vocabulary == other.vocabulary
        and len(parts) == len(others)
        and all(_same_part(a, b) for (_, a), (_, b) in zip(parts, others, strict=True))
    )


def _same_part(one: Any, other: Any) -> bool:
    """The same ids of a text; the same arrays of sequences with targets."""
    if isinstance(one, Examples | Stream):
        return np.array_equal(one.ids, other.ids)
    a, b = arrays_of(one), arrays_of(other)
    return a.keys() == b.keys() and all(same_arrays(a[k], b[k]) for k in a)


def _rotated(data: bytes) -> bytes:
    """The lines, the last one first; the halves of a single line exchanged. The size stays."""
    lines = data.splitlines(keepends=True)
    whole = lines if data.endswith((b"\n", b"\r")) else lines[:-1]
    if len(whole) < 2:
        return data[len(data) // 2 :] + data[: len(data) // 2]
    return b"".join([whole[-1], *whole[:-1], *lines[len(whole) :]])


def _files_read_by(dataset: Any) -> tuple[list[Path], bool]:
    """The data files that ``load`` opens, and whether it opens any files at all.

    Data is what a field names and what comes with a Python package; other files may be caches.
    Python's own files count as neither.
    """
    opened: dict[Path, None] = {}
    listening = True

    def hear(event: str, args: tuple[Any, ...]) -> None:
        if listening and event == "open" and isinstance(args[0], str | bytes):
            path = Path(os.fsdecode(args[0])).absolute()
            if path.suffix not in (".py", ".pyc", ".so", ".pth") and path.is_file():
                opened[path] = None

    sys.addaudithook(hear)  # for the rest of the process: a hook cannot be taken back
    try:
        dataset.load(0)
    finally:
        listening = False
    values = [getattr(dataset, item.name) for item in fields(dataset)]
    named = [Path(value).absolute() for value in values if isinstance(value, str) and value]
    homes = named + [Path(entry).absolute() for entry in sys.path if entry]
    data = [path for path in opened if any(path.is_relative_to(home) for home in homes)]
    return data[:FILES], bool(opened)


@contextmanager
def _in_place_of(path: Path, other: Path) -> Iterator[None]:
    """Inside, whoever opens ``path`` in Python reads ``other``."""

    def opening(right: Any) -> Any:
        def opened(file: Any, *args: Any, **named: Any) -> Any:
            is_path = isinstance(file, str | bytes | os.PathLike)
            same = is_path and Path(os.fsdecode(file)).absolute() == path.absolute()
            return right(str(other) if same else file, *args, **named)

        return opened

    with ExitStack() as stack:
        for module in (builtins, io, os):
            stack.enter_context(patch.object(module, "open", opening(module.open)))
        yield
