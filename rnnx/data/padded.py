"""Examples as rows that are padded already, of which several batches are made at once.

Where examples are few and short, a batch of them is a dozen calls of NumPy on a few hundred
numbers, each of which costs more than what it does.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rnnx.arrays import Array
from rnnx.data.batch import Batch
from rnnx.data.corpus import Examples

LIMIT = 2**18  # numbers, 2 MiB, of all examples
AT_ONCE = 2**15  # numbers of the batches that are made at once: they stay in the near caches


def can_pad(split: Examples) -> bool:
    """Whether all examples as rows of one length are few enough numbers."""
    return 2 * len(split) * int(np.max(split.lengths, initial=0)) <= LIMIT


class PaddedRows:
    """The batches of ``rnnx.data.batches.pack``, from rows that it has packed once."""

    def __init__(self, everything: Batch, lengths: Array) -> None:
        """``everything`` is one batch of all examples, in their order."""
        T, count = everything.x.shape
        self._rows = np.empty((count, 2, T), np.intp)
        self._rows[:, 0], self._rows[:, 1] = everything.x.T, everything.y.T
        self._lengths: Array = lengths.astype(np.intp)

    def batches(self, order: Array, B: int, carries: bool, cursor: int) -> Iterator[Batch]:
        """The next few batches of the examples ``order``, at least B; ``cursor`` were before.

        Longest first, unless the state is carried.
        """
        n = min(len(order) // B, max(1, AT_ONCE // (self._rows[0].size * B)))
        which = order[: n * B].reshape(n, B)
        lengths = self._lengths.take(which)
        if not carries and B > 1:
            places = np.argsort(-lengths, axis=1, kind="stable")
            which, lengths = (np.take_along_axis(a, places, 1) for a in (which, lengths))
        rows = self._rows.take(which, axis=0)  # (n, B, 2, the longest)
        x, y = np.ascontiguousarray(rows.transpose(2, 0, 3, 1))
        longest, tokens = lengths.max(axis=1).tolist(), lengths.sum(axis=1).tolist()
        for i, (T, count) in enumerate(zip(longest, tokens, strict=True)):
            ends = None if count == T * B else lengths[i]
            yield Batch(x[i, :T], y[i, :T], ends, carries and cursor + i > 0, count)
