"""Copy: a string, a long wait, and the same string again.

    x    s₁ … s₁₀  · · · … ·  |  · · · · · · · · · ·
    y    · · · · · · · … · · ·   s₁ … s₁₀

After the string T − 1 blanks, a marker and a blank for each symbol of the answer, T + 20 steps in
all. All positions count in the loss: whoever knows the alphabet and remembers nothing has
10·ln 8 / (T + 20) nats a step (Arjovsky, Shah and Bengio 2016). The length is T.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.ranges import require
from rnnx.data.corpus import Corpus
from rnnx.data.sequences import Sequences
from rnnx.data.targets import classes
from rnnx.data.yardsticks import Criterion, Level
from rnnx_tasks.endless import check_task, endless_corpus
from rnnx_tasks.lengths import Lengths, flat
from rnnx_tasks.levels import guessed


@dataclass(frozen=True)
class Copy:
    """The string that stood before a long wait."""

    items: int = 10
    """The symbols of the string, at least 1."""
    symbols: int = 8
    """How many different symbols there are, at least 2."""
    count_blanks: bool = True
    """Count the blanks before the answer, too, as the paper does; false: the answer alone."""
    lengths: Lengths = Lengths(50)
    """T, the steps from the string's end to the answer, at least 1."""
    held_out: int = 500
    """The number of sequences that are held out. At least 1."""
    split_seed: int = 0
    """The seed that draws the held-out sequences, whatever the run's own seed. At least 0."""

    def __post_init__(self) -> None:
        require(self.items >= 1, "items", "at least 1", self.items)
        require(self.symbols >= 2, "symbols", "at least 2", self.symbols)
        check_task(self)

    def load(self, seed: int) -> Corpus:
        symbols = tuple(str(k + 1) for k in range(self.symbols))
        targets = classes(("·", *symbols))
        criterion = Criterion("sequence_accuracy", 0.99, 3)
        own = targets, ("·", *symbols, "|"), (), self._levels(), criterion
        return endless_corpus(self, seed, self._draw, *own)

    def _levels(self) -> tuple[Level, ...]:
        if not self.count_blanks:
            return guessed(self.symbols)
        answered = self.items / (sum(self.lengths.held_out) / 2 + 2 * self.items)
        return (
            Level("loss", "no_memory", answered * log(self.symbols)),
            Level("loss", "optimum", 0.0),
            Level("accuracy", "no_memory", 1 - answered + answered / self.symbols),
            Level("accuracy", "optimum", 1.0),
        )

    def _draw(self, rng: np.random.Generator, sizes: Array) -> Sequences:
        count, k = len(sizes), self.items
        steps = sizes + 2 * k
        strings = rng.integers(1, self.symbols + 1, (count, k))
        rows, places = np.arange(count)[:, None], (steps - k)[:, None] + np.arange(k)
        x = np.zeros((count, int(steps.max())), np.int64)
        y, answer = np.zeros_like(x), np.zeros(x.shape, bool)
        x[:, :k] = strings
        x[rows[:, 0], steps - k - 1] = self.symbols + 1
        y[rows, places], answer[rows, places] = strings, True
        ages = np.where(answer, (steps - k)[:, None], 0)
        weights = None if self.count_blanks else flat(answer, steps).astype(np.float32)
        return Sequences(
            steps,
            flat(y, steps),
            flat(x, steps),
            weights=weights,
            sizes=sizes,
            ages=flat(ages, steps),
        )
