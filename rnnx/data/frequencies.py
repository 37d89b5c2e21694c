"""How often each symbol is a target."""

from __future__ import annotations

import numpy as np

from rnnx.arrays import Array
from rnnx.data.corpus import Examples, Stream, TextSplit

CHUNK_SIZE = 1 << 20  # targets that are counted at once


def target_counts(split: TextSplit, n_symbols: int) -> Array:
    """(n_symbols,) int64: how often each id is a target of a text."""
    counts = np.zeros(n_symbols, np.int64)
    if isinstance(split, Stream):
        for start in range(1, len(split.ids), CHUNK_SIZE):
            counts += np.bincount(split.ids[start : start + CHUNK_SIZE], minlength=n_symbols)
        return counts
    ends = np.cumsum(split.lengths, dtype=np.int64)  # of each example's targets among all
    first = 0
    while first < len(split):
        done = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, done + CHUNK_SIZE)))
        places = _places(split, slice(first, last))
        counts += np.bincount(split.ids[places], minlength=n_symbols)
        first = last
    return counts


def _places(split: Examples, which: slice) -> Array:
    """The places among the ids of all targets of some examples."""
    starts, lengths = split.starts[which].astype(np.int64), split.lengths[which].astype(np.int64)
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(int(np.sum(lengths)))
