"""Selective copy: a few symbols among noise, wanted in their order at the end.

    x    · 3 · · 1 · 7 · · 2 · ·  ? ? ? ?
    y                             3 1 7 2

Which places hold a symbol is drawn at random, so the distance to the answer says nothing (Jing et
al. 2019; Gu and Dao 2023; Feng et al. 2024). The answer alone counts. The length is the number of
places before it.
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
from rnnx_tasks.levels import guessed


@dataclass(frozen=True)
class SelectiveCopy:
    """The symbols that stood among noise."""

    items: int = 4
    """How many symbols are to be kept, at least 1."""
    symbols: int = 8
    """How many different symbols there are, at least 2."""
    lengths: Lengths = Lengths(64)
    """The places before the answer, at least ``items``."""
    held_out: int = 1000
    """The number of sequences that are held out. At least 1."""
    split_seed: int = 0
    """The seed that draws the held-out sequences, whatever the run's own seed. At least 0."""

    def __post_init__(self) -> None:
        require(self.items >= 1, "items", "at least 1", self.items)
        require(self.symbols >= 2, "symbols", "at least 2", self.symbols)
        check_task(self, self.items)

    def load(self, seed: int) -> Corpus:
        symbols = tuple(str(k + 1) for k in range(self.symbols))
        all_right = Level("sequence_accuracy", "chance", self.symbols**-self.items)
        levels, solved = (
            (*guessed(self.symbols), all_right),
            Criterion("sequence_accuracy", 0.99, 3),
        )
        own = classes(symbols), (*symbols, "·", "?"), (), levels, solved
        return endless_corpus(self, seed, self._draw, *own)

    def _draw(self, rng: np.random.Generator, sizes: Array) -> Sequences:
        count, k = len(sizes), self.items
        steps, longest = sizes + k, int(sizes.max())
        strings = rng.integers(0, self.symbols, (count, k))
        # The k smallest of random numbers are k places that differ; those beyond the end are none.
        order = np.where(np.arange(longest) < sizes[:, None], rng.random((count, longest)), 2)
        places = np.sort(np.argpartition(order, k - 1, axis=1)[:, :k], axis=1)
        rows, answers = np.arange(count)[:, None], sizes[:, None] + np.arange(k)
        x = np.full((count, longest + k), self.symbols)
        y, weights, ages = np.zeros_like(x), np.zeros(x.shape, np.float32), np.zeros_like(x)
        x[rows, places], x[rows, answers] = strings, self.symbols + 1
        y[rows, answers], weights[rows, answers] = strings, 1
        ages[rows, answers] = answers - places
        own = [flat(one, steps) for one in (y, x, weights, ages)]
        return Sequences(steps, own[0], own[1], weights=own[2], sizes=sizes, ages=own[3])
