"""Temporal order: in which order X and Y stood at two or three places of a long sequence.

    E a d X c b … Y a c B      y = XY

At all other places stand a, b, c, d, drawn at random; E begins and B ends. With T the length, a
sequence has T to 1.1·T steps, and the relevant symbols stand

2 of them    at T/10 … T/5, T/2 … 0.6·T               4 classes (experiment 6a)
3 of them    at T/10 … T/5, 0.33·T … 0.43·T, 0.66·T … 0.76·T    8 classes (experiment 6b)

of Hochreiter and Schmidhuber 1997, who have T = 100. Solved as there: in every held-out sequence,
each output is within 0.3 of its target.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.ranges import require
from rnnx.data.corpus import Corpus
from rnnx.data.sequences import Sequences
from rnnx.data.targets import classes
from rnnx.data.yardsticks import Criterion
from rnnx_tasks.endless import check_task, endless_corpus
from rnnx_tasks.lengths import Lengths, flat
from rnnx_tasks.levels import guessed

SYMBOLS = ("a", "b", "c", "d", "X", "Y", "E", "B")
X, BEGIN, END = 4, 6, 7
TOLERANCE = 0.3  # of a probability
SOLVED = Criterion("within", 1.0)
PLACES = {2: ((10, 20), (50, 60)), 3: ((10, 20), (33, 43), (66, 76))}  # hundredths of T


@dataclass(frozen=True)
class TemporalOrder:
    """The order of two or three symbols in a long sequence."""

    relevant: int = 2
    """How many symbols X or Y there are: 2 (experiment 6a of 1997) or 3 (6b)."""
    lengths: Lengths = Lengths(100)
    """T, at least 20."""
    held_out: int = 1000
    """The number of sequences that are held out. At least 1."""
    split_seed: int = 0
    """The seed that draws the held-out sequences, whatever the run's own seed. At least 0."""

    def __post_init__(self) -> None:
        require(self.relevant in PLACES, "relevant", "2 or 3", self.relevant)
        check_task(self, 20)

    def load(self, seed: int) -> Corpus:
        orders = ["".join(order) for order in product("XY", repeat=self.relevant)]
        targets = classes(orders, per_sequence=True, tolerance=TOLERANCE)
        own = targets, SYMBOLS, (), guessed(len(orders)), SOLVED
        return endless_corpus(self, seed, self._draw, *own)

    def _draw(self, rng: np.random.Generator, sizes: Array) -> Sequences:
        steps = rng.integers(sizes, sizes + sizes // 10 + 1)
        rows = np.arange(len(sizes))
        ids = rng.integers(0, 4, (len(sizes), int(steps.max())))
        ids[:, 0], ids[rows, steps - 1] = BEGIN, END
        y = np.zeros(len(sizes), np.int64)
        for first, last in PLACES[self.relevant]:
            places = rng.integers(first * sizes // 100, last * sizes // 100 + 1)
            is_y = rng.integers(0, 2, len(sizes))
            ids[rows, places] = X + is_y
            y = 2 * y + is_y
        return Sequences(steps, y, flat(ids, steps), per_sequence=True, sizes=sizes)
