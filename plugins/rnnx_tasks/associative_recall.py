"""Associative recall: pairs of a key and a value, then a key, whose value is wanted.

    x    c 3 k 9 a 1 … k      y    9

The keys of a sequence differ; which they are changes from one to the next, so that a network has to
bind them while it reads (Ba et al. 2016). The length is the number of pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.ranges import require
from rnnx.data.corpus import Corpus
from rnnx.data.sequences import Sequences
from rnnx.data.targets import classes
from rnnx_tasks.endless import check_task, endless_corpus
from rnnx_tasks.lengths import Lengths, flat
from rnnx_tasks.levels import LEARNED, guessed

KEYS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class AssociativeRecall:
    """The value that stood beside a key."""

    values: int = 10
    """How many different values there are, 2 … 10."""
    lengths: Lengths = Lengths(4)
    """Pairs of a sequence, 1 … 26."""
    held_out: int = 1000
    """The number of sequences that are held out. At least 1."""
    split_seed: int = 0
    """The seed that draws the held-out sequences, whatever the run's own seed. At least 0."""

    def __post_init__(self) -> None:
        require(2 <= self.values <= 10, "values", "2 … 10", self.values)
        check_task(self, 1, len(KEYS))

    def load(self, seed: int) -> Corpus:
        values = tuple(str(k) for k in range(self.values))
        targets = classes(values, per_sequence=True)
        own = targets, (*KEYS, *values), (), guessed(self.values), LEARNED
        return endless_corpus(self, seed, self._draw, *own)

    def _draw(self, rng: np.random.Generator, sizes: Array) -> Sequences:
        count, longest, rows = len(sizes), int(sizes.max()), np.arange(len(sizes))
        keys = np.argsort(rng.random((count, len(KEYS))), axis=1)[:, :longest]
        values = rng.integers(0, self.values, (count, longest))
        asked = rng.integers(0, sizes)
        x = np.zeros((count, 2 * longest + 1), np.int64)
        x[:, 0:-1:2], x[:, 1::2] = keys, len(KEYS) + values
        x[rows, 2 * sizes] = keys[rows, asked]
        y, steps = values[rows, asked], 2 * sizes + 1
        ages = 2 * (sizes - asked) - 1
        return Sequences(steps, y, flat(x, steps), per_sequence=True, sizes=sizes, ages=ages)
