"""A batch's columns in parts, one a thread: no column of a recurrent network needs another."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from rnnx.contracts import Array
from rnnx.scratch import Scratch
from rnnx_builtin.kernels.product import padded, width


class Part(NamedTuple):
    first: int  # column
    last: int  # and the one after its last
    whole: bool  # whether it is all columns

    def cut(self, array: Array) -> Array:
        """These columns of (…, B)."""
        return array if self.whole else array[..., self.first : self.last]

    def of(self, array: Array) -> Array:
        """The same, contiguous: the array itself where they are all."""
        if self.whole and array.flags.c_contiguous:
            return array
        return np.ascontiguousarray(self.cut(array))


@cache
def parts_of(B: int, threads: int, dtype: Any) -> list[Part]:
    """Up to ``threads`` parts of whole registers; a column alone is no part."""
    lanes = width(dtype)
    size = -(-B // (threads * lanes)) * lanes
    firsts = [first for first in range(0, B, size) if first == 0 or B - first > 1]
    lasts = [*firsts[1:], B]
    return [Part(a, b, b - a == B) for a, b in zip(firsts, lasts, strict=True)]


def part_arrays(
    shapes: Mapping[str, tuple[int, ...]], B: int, dtype: Any, scratch: Scratch
) -> list[tuple[Part, tuple[Array, ...]]]:
    """Every part's own arrays, by name; ``shapes`` leave out the last axis, its padded columns."""
    found = []
    for part in parts_of(B, scratch.threads, dtype):
        own, columns = scratch.child(f"part{part.first}"), padded(part.last - part.first, dtype)
        arrays = (own.array(name, (*shape, columns), dtype) for name, shape in shapes.items())
        found.append((part, tuple(arrays)))
    return found


def each(function: Callable[..., None], calls: Sequence[Sequence[Any]]) -> None:
    """Call ``function`` with each of the arguments, at the same time: kernels hold no lock."""
    if len(calls) == 1:
        function(*calls[0])
        return
    pool = _pool(len(calls) - 1)
    others = [pool.submit(function, *arguments) for arguments in calls[1:]]
    try:
        function(*calls[0])
    finally:  # the others write to buffers that the next call uses
        wait(others)
    for other in others:
        other.result()


@cache
def _pool(others: int) -> ThreadPoolExecutor:
    """Threads that wait between two calls: to begin one takes longer than a small kernel."""
    return ThreadPoolExecutor(others, "rnnx-kernel")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a fork copies no threads


def joined(columns: Sequence[Array]) -> Array:
    """The parts of (n, B) side by side."""
    return columns[0] if len(columns) == 1 else np.concatenate(columns, axis=1)
