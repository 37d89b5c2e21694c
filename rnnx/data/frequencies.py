"""How often each symbol is a target."""

from __future__ import annotations

import numpy as np

from rnnx.arrays import Array
from rnnx.data.corpus import Stream, TextSplit, slices

CHUNK_SIZE = 1 << 20  # targets that are counted at once


def target_counts(split: TextSplit, n_symbols: int) -> Array:
    """(n_symbols,) int64: how often each id is a target of a text."""
    counts = np.zeros(n_symbols, np.int64)
    if isinstance(split, Stream):
        chunks = slices(split.ids[1:], CHUNK_SIZE)
    else:
        chunks = split.target_chunks(CHUNK_SIZE)
    for ids in chunks:
        counts += np.bincount(ids, minlength=n_symbols)
    return counts
