"""Delayed echo: at every step the symbol of some steps ago.

    x    3 1 4 1 5 9 2        delay 2
    y    – – 3 1 4 1 5

A network has to hold as many symbols as the delay at once, in their order. The first steps, which
have nothing to echo, do not count. Lengths count steps.
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


@dataclass(frozen=True)
class DelayedEcho:
    """The symbol of some steps ago."""

    delay: int = 5
    """Steps between a symbol and its echo, at least 1."""
    symbols: int = 2
    """How many different symbols there are, 2 … 10."""
    lengths: Lengths = Lengths(40)
    """Steps of a sequence, more than ``delay``."""
    held_out: int = 500
    """The number of sequences that are held out. At least 1."""
    split_seed: int = 0
    """The seed that draws the held-out sequences, whatever the run's own seed. At least 0."""

    def __post_init__(self) -> None:
        require(self.delay >= 1, "delay", "at least 1", self.delay)
        require(2 <= self.symbols <= 10, "symbols", "2 … 10", self.symbols)
        check_task(self, self.delay + 1)

    def load(self, seed: int) -> Corpus:
        symbols = tuple(str(k) for k in range(self.symbols))
        own = classes(symbols), symbols, (), guessed(self.symbols), LEARNED
        return endless_corpus(self, seed, self._draw, *own)

    def _draw(self, rng: np.random.Generator, sizes: Array) -> Sequences:
        x = rng.integers(0, self.symbols, (len(sizes), int(sizes.max())))
        y, counts = np.zeros_like(x), np.ones(x.shape, np.float32)
        y[:, self.delay :] = x[:, : -self.delay]
        counts[:, : self.delay] = 0
        ages = np.where(counts > 0, self.delay, 0)
        own = [flat(one, sizes) for one in (y, x, counts, ages)]
        return Sequences(sizes, own[0], own[1], weights=own[2], sizes=sizes, ages=own[3])
