"""Batches of each kind of split: time first, padded; a text's targets are one step ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from rnnx.arrays import Array
from rnnx.data.batch import Batch
from rnnx.data.corpus import Examples, Split, Stream
from rnnx.data.crossover import Crossover, can_cross
from rnnx.data.labelled import labelled_batches, pack_labelled
from rnnx.data.padded import PaddedRows, can_pad
from rnnx.data.sequences import Endless, Sequences
from rnnx.errors import DataError

__all__ = ["Batch", "TrainBatches", "evaluation_batches"]


class TrainBatches:
    """Training batches without end; their order has a state that a checkpoint keeps.

    With ``crossover`` above 0 their examples are crossed, where the split has any. Where state is
    carried, each column begins from the zero state with the probability ``state_reset``: a network
    that is evaluated or sampled begins there too, and would hardly be trained on it.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        rng: np.random.Generator,
        crossover: float = 0.0,
        state_reset: float = 0.0,
    ) -> None:
        self._split, self._rng = split, rng
        self._order = np.empty(0, np.int64)  # examples of this epoch that are still to come
        self._cursor = 0  # batches so far
        refuse_large_batch(split, batch_size)
        self._B, self._state_reset = batch_size, state_reset
        self._crossover = None
        if crossover > 0 and can_cross(split):
            self._crossover = Crossover(split, crossover, rng)
        self._ahead: deque[Batch] = deque()  # batches that are made, of the first of the order
        self._rows = None
        if isinstance(split, Examples) and self._crossover is None and can_pad(split):
            self._rows = PaddedRows(pack(split, np.arange(len(split)), False), split.lengths)

    @property
    def longest(self) -> int:
        """The steps of the longest batch."""
        if isinstance(self._split, Endless):  # as far as some of them tell
            return int(np.max(self._split.fixed(self._B, 0).lengths))
        if isinstance(self._split, Examples | Sequences):
            return int(np.max(self._split.lengths))
        return min(self._split.length, self._split.tokens // self._B)

    def notes(self) -> list[str]:
        """What the user should know: more than a hundredth of the targets is in no batch."""
        if not isinstance(self._split, Stream):
            return []
        n, B = self._split.tokens, self._B
        left = n % B
        if left * 100 <= n:
            return []
        better = min(range(B, 0, -1), key=lambda columns: n % columns)
        return [
            f"batch_size={B}: {left} of the {n} symbols to predict are never trained on, because "
            f"all columns are equally long; batch_size={better} leaves out {n % better}"
        ]

    def next(self) -> Batch:
        """The next batch; one batch may end an epoch and begin the next."""
        batch = self._next()
        if not (batch.carried and self._state_reset):
            return batch
        reset = np.flatnonzero(self._rng.random(self._B) < self._state_reset)
        return batch._replace(reset=reset)

    def _next(self) -> Batch:
        split, cursor = self._split, self._cursor
        self._cursor += 1
        if isinstance(split, Examples):
            if self._rows is not None:
                return self._packed(split, self._rows)
            which = self._draw(split)
            if self._crossover is not None:
                split, which = self._crossover.draw(which), np.arange(self._B)
            # Longest first: the sequences that are still active at step t are the first columns.
            if not split.carry:
                which = which[longest_first(split.lengths[which])]
            return pack(split, which, split.carry and cursor > 0)
        if not isinstance(split, Stream):
            return self._next_labelled(split)
        rows = split.tokens // self._B  # steps of each column
        windows = -(-rows // split.length)
        return window(split, self._B, rows, cursor % windows)

    def _next_labelled(self, split: Sequences | Endless) -> Batch:
        if isinstance(split, Endless):
            split = split.next(self._rng, self._B)
            which = np.arange(len(split))
        else:
            which = self._draw(split)
        return pack_labelled(split, which[longest_first(split.lengths[which])])

    def _packed(self, split: Examples, rows: PaddedRows) -> Batch:
        """The next of the batches that were made at once, of examples that were drawn already."""
        if not self._ahead:
            self._fill_order(split)
            self._ahead.extend(rows.batches(self._order, self._B, split.carry, self._cursor - 1))
        self._order = self._order[self._B :]
        return self._ahead.popleft()

    def _draw(self, split: Examples | Sequences) -> Array:
        """The places of the next B examples."""
        self._fill_order(split)
        drawn, self._order = self._order[: self._B], self._order[self._B :]
        return drawn

    def _fill_order(self, split: Examples | Sequences) -> None:
        """Draw the order of more examples where fewer than B are still to come."""
        while len(self._order) < self._B:
            n = len(split)
            order = self._rng.permutation(n) if split.shuffle else np.arange(n)
            self._order = np.concatenate([self._order, order])

    def state(self) -> dict[str, Any]:
        """The state for a checkpoint, without that of the generator."""
        return {"order": self._order.copy(), "cursor": self._cursor}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from ``state``; TypeError or ValueError unless it fits this split."""
        order, cursor = state["order"], state["cursor"]
        if not isinstance(order, np.ndarray) or order.ndim != 1 or order.dtype != np.int64:
            raise TypeError("the order of the batches is no row of whole numbers")
        count = len(self._split) if isinstance(self._split, Examples | Sequences) else 0
        if len(order) and not 0 <= int(order.min()) <= int(order.max()) < count:
            raise ValueError("the order of the batches names examples that are not there")
        if type(cursor) is not int or not 0 <= cursor < 2**63:
            raise ValueError("the number of batches is out of range")
        self._order, self._cursor = order.copy(), cursor
        self._ahead.clear()


def refuse_large_batch(split: Split, batch_size: int) -> None:
    """DataError where the training data cannot fill one batch."""
    if isinstance(split, Endless):
        return
    if isinstance(split, Stream):
        count, what = split.tokens, "symbols after the first"
    else:
        count, what = len(split), "examples"
    if batch_size > count:
        raise DataError(
            f"batch_size={batch_size}: is larger than the training data of {count} {what}; "
            f"choose 1 … {count} or give more data"
        )


def longest_first(lengths: Array) -> Array:
    """The order that sorts ``lengths`` from long to short; equal ones keep their order."""
    return np.argsort(-lengths.astype(np.intp), kind="stable")


def pack(split: Examples, which: Array, carried: bool, start: int = 0, most: int = 0) -> Batch:
    """The examples at ``which`` as one batch in this order, padded to the longest.

    ``start`` and ``most`` cut a window out of it: up to ``most`` steps (0: all) from that one on,
    which every example must reach.
    """
    if len(which) == 1:
        return _single(split, int(which[0]), carried, start, most)
    lengths = split.lengths[which].astype(np.intp)
    stop = int(np.maximum.reduce(lengths))
    if most:
        stop = min(stop, start + most)
    steps = np.arange(start, stop)[:, None]
    # Places beyond the end of an example become padding; "clip" takes any id that exists.
    y = split.ids.take(split.starts[which] + steps, mode="clip").astype(np.intp)
    x = np.empty_like(y)
    if start:
        x[0] = split.ids[split.starts[which] + start - 1]
    else:
        x[0] = -1 if split.first is None else split.first[which]
    x[1:] = y[:-1]
    ended = steps >= lengths  # (T, B)
    lengths = np.minimum(lengths - start, stop - start)
    tokens = int(np.add.reduce(lengths))
    if tokens == y.size:
        return Batch(x, y, None, carried, tokens)
    np.copyto(x, -1, where=ended)
    np.copyto(y, 0, where=ended)
    return Batch(x, y, lengths, carried, tokens)


def _single(split: Examples, i: int, carried: bool, start: int, most: int) -> Batch:
    """Example ``i`` alone: it needs no padding, so x and y are views of the same ids."""
    all_targets = split.targets(i)
    targets = all_targets[start : start + most] if most else all_targets[start:]
    ids = np.empty((len(targets) + 1, 1), np.intp)
    if start:
        ids[0] = all_targets[start - 1]
    else:
        ids[0] = -1 if split.first is None else split.first[i]
    ids[1:, 0] = targets
    return Batch(ids[:-1], ids[1:], None, carried, len(targets))


def window(split: Stream, B: int, rows: int, index: int) -> Batch:
    """Window ``index`` of B columns of ``rows`` steps each; the last column may be shorter."""
    start = index * split.length
    stop = min(start + split.length, rows)
    if B * rows <= split.tokens:  # no column is shorter, as in training: slices will do
        n = B * rows
        x, y = (split.ids[k : k + n].reshape(B, rows)[:, start:stop].T for k in (0, 1))
        return Batch(x.astype(np.intp, "C"), y.astype(np.intp, "C"), None, index > 0, y.size)
    places = np.arange(start, stop)[:, None] + np.arange(B) * rows  # (T, B)
    left = split.tokens - np.arange(B) * rows - start  # targets that each column still has
    lengths = np.clip(left, 0, stop - start)
    x = split.ids[np.minimum(places, split.tokens)].astype(np.intp)
    y = split.ids[np.minimum(places + 1, split.tokens)].astype(np.intp)
    if int(lengths[-1]) == stop - start:
        return Batch(x, y, None, index > 0, y.size)
    beyond = np.arange(stop - start)[:, None] >= lengths
    x[beyond], y[beyond] = -1, 0
    return Batch(x, y, lengths, index > 0, int(lengths.sum()))


def evaluation_batches(split: Split, columns: int, most: int = 2**62) -> Iterator[Batch]:
    """Every target of ``split`` once, always in the same order.

    A batch has up to ``columns`` columns, and up to ``most`` places for targets: longer examples
    and windows are read in parts, each ``carried`` on from the one before. Columns that have ended
    are left out of the next part: they are always the last ones. Sequences with targets are whole.
    """
    columns = min(columns, most)
    if isinstance(split, Endless):
        raise DataError("evaluation: examples without end have no end; measure a fixed part")
    if isinstance(split, Sequences):
        yield from labelled_batches(split, columns, most)
        return
    if isinstance(split, Examples):
        order = longest_first(split.lengths)  # similar lengths share a batch: less padding
        for start in range(0, len(order), columns):
            yield from parts(split, order[start : start + columns], most)
        return
    # Every column starts from the zero state; use few enough that each spans at least one window.
    B = max(1, min(columns, split.tokens // split.length))
    rows = -(-split.tokens // B)
    part = Stream(split.ids, min(split.length, most // B))
    for index in range(-(-rows // part.length)):
        yield window(part, B, rows, index)


def parts(split: Examples, which: Array, most: int) -> Iterator[Batch]:
    """The examples at ``which``, longest first, in batches of up to ``most`` places each."""
    start, lengths = 0, split.lengths[which]
    while len(which := which[: np.count_nonzero(lengths > start)]):
        steps = most // len(which)
        yield pack(split, which, start > 0, start, steps)
        start += steps
