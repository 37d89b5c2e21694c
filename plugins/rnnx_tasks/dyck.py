"""Dyck words: which bracket has to close next, at every step.

    x    ( [ ] ( )          y    ) ] ) ) )     and – where nothing is open

Brackets of several kinds, nested rightly; all words of a length are drawn equally often. One kind
needs a counter, several kinds a stack (Suzgun et al. 2019, whose targets are all symbols that may
follow). The length is the number of pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.ranges import require
from rnnx.data.corpus import Corpus
from rnnx.data.sequences import Sequences
from rnnx.data.targets import classes
from rnnx.data.yardsticks import Criterion, Level
from rnnx_tasks.endless import check_task, endless_corpus
from rnnx_tasks.lengths import Lengths, flat

OPENING, CLOSING = "([{<", ")]}>"


@dataclass(frozen=True)
class Dyck:
    """The bracket that closes what was opened last."""

    kinds: int = 2
    """How many kinds of brackets there are, 1 … 4."""
    lengths: Lengths = Lengths(20, 1, 50, 21)
    """Pairs of a word, at least 1."""
    held_out: int = 500
    """The number of words that are held out. At least 1."""
    split_seed: int = 0
    """The seed that draws the held-out words, whatever the run's own seed. At least 0."""

    def __post_init__(self) -> None:
        require(1 <= self.kinds <= len(OPENING), "kinds", f"1 … {len(OPENING)}", self.kinds)
        check_task(self)

    def load(self, seed: int) -> Corpus:
        closing = tuple(CLOSING[: self.kinds])
        targets, symbols = classes((*closing, "–")), (*OPENING[: self.kinds], *closing)
        levels = Level("accuracy", "optimum", 1.0), Level("loss", "optimum", 0.0)
        criterion = Criterion("sequence_accuracy", 0.99, 3)
        own = targets, symbols, (), levels, criterion
        return endless_corpus(self, seed, self._draw, *own)

    def _draw(self, rng: np.random.Generator, sizes: Array) -> Sequences:
        count, longest, rows = len(sizes), 2 * int(sizes.max()), np.arange(len(sizes))
        x, y = np.zeros((2, count, longest), np.int64)
        height, opened = np.zeros(count, np.int64), np.zeros((count, longest + 1), np.int64)
        kind = rng.integers(0, self.kinds, (count, longest))
        for t in range(longest):
            left = np.maximum(2 * sizes - t, 1)
            # The share of the words with these many symbols left that go on by opening a bracket.
            up = (height + 2) * (left - height) / (2 * left * (height + 1))
            opens = rng.random(count) < up
            height += np.where(opens, 1, -1)
            height = np.maximum(height, 0)  # beyond the end of a shorter word
            top = opened[rows, height + 1]
            opened[rows[opens], height[opens]] = kind[opens, t]
            x[:, t] = np.where(opens, kind[:, t], self.kinds + top)
            y[:, t] = np.where(height > 0, opened[rows, height], self.kinds)
        steps = 2 * sizes
        return Sequences(steps, flat(y, steps), flat(x, steps), sizes=sizes)
