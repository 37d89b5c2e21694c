"""Ids of a large text whose bytes are its characters, made from the file where they are read.

To write them once, as with other texts, means to wait for the disk: for minutes where the text has
10 GB.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array
from rnnx.data.corpus import smallest_unsigned
from rnnx.errors import DataError


class Signature(NamedTuple):
    """What tells that a file has not changed, as far as the file system does."""

    size: int
    time: int  # of its last change of content, nanoseconds since 1970
    changed: int  # of its last change of content, name or rights
    inode: int

    @classmethod
    def of(cls, path: Path) -> Signature:
        """The signature of a file of now."""
        status = os.stat(path)
        return cls(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


class MappedText:
    """A file that is mapped, and refused once it is not the one that was looked through."""

    def __init__(self, path: Path, signature: Signature, sha256: str) -> None:
        self.path, self.signature, self.sha256 = path, signature, sha256
        self._file = path.open("rb")  # of what is mapped, whatever takes its name later
        self.codes: Array = np.asarray(np.memmap(self._file, np.uint8, "r"))

    def refuse_change(self) -> None:
        """DataError if the file was written since."""
        status = os.fstat(self._file.fileno())
        if (status.st_size, status.st_mtime_ns) != (self.signature.size, self.signature.time):
            raise DataError(
                f"dataset.path={self.path}: has changed since the run began to read it; "
                "start again, and train on a file that nothing writes to"
            )


class CodedIds:
    """A part of a text as ids, which are read as those of an array are.

    Slices are parts again; any other index, ``take``, ``astype`` and NumPy's functions give an
    array of ids.
    """

    ndim: int
    shape: tuple[int, ...]

    def __init__(self, text: MappedText, codes: Array, table: Array) -> None:
        self._text, self._codes, self._table = text, codes, table  # table: (256,) byte → id
        self.shape, self.ndim, self.size = codes.shape, codes.ndim, codes.size
        self.dtype = table.dtype

    @classmethod
    def whole(cls, text: MappedText, symbols: Sequence[str]) -> CodedIds:
        """All of a text whose characters are ``symbols``, sorted."""
        table = np.zeros(256, smallest_unsigned(len(symbols)))
        table[[ord(symbol) for symbol in symbols]] = np.arange(len(symbols))
        return cls(text, text.codes, table)

    @property
    def content(self) -> tuple[str, bytes, int, int]:
        """What the ids are, unread: of which text, how coded, from where, and how many."""
        start = self._codes.ctypes.data - self._text.codes.ctypes.data
        return self._text.sha256, self._table.tobytes(), start, self.size

    def __len__(self) -> int:
        return len(self._codes)

    def __getitem__(self, index: Any) -> Any:
        found = self._codes[index]
        parts = index if isinstance(index, tuple) else (index,)
        if all(isinstance(part, slice) for part in parts):
            return self._with(found)
        return self._ids(found)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        return self.astype(self.dtype if dtype is None else dtype)

    def take(self, places: Array, mode: str = "raise") -> Array:
        """The ids at ``places``, as of an array."""
        found: Array = self._ids(self._codes.take(places, mode=mode))  # type: ignore[call-overload]
        return found

    def reshape(self, *shape: int) -> CodedIds:
        """The same ids in another shape."""
        return self._with(self._codes.reshape(*shape))

    @property
    def T(self) -> CodedIds:
        """The same ids, transposed."""
        return self._with(self._codes.T)

    def astype(self, dtype: npt.DTypeLike, order: str = "C") -> Array:
        """An array of all of these ids, in C order; it may be read-only."""
        self._text.refuse_change()
        # Faster than an index a byte; of ASCII an id is a byte, too.
        ids = np.frombuffer(self._codes.tobytes().translate(self._table.tobytes()), self.dtype)
        return ids.reshape(self.shape).astype(dtype, copy=False)

    def _with(self, codes: Array) -> CodedIds:
        return CodedIds(self._text, codes, self._table)

    def _ids(self, codes: Any) -> Any:
        self._text.refuse_change()
        return self._table[codes]
