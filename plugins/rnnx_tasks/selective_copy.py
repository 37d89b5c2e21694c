"""Selective copy: a few symbols among noise, wanted in their order at the end.

    in turn    x    · 3 · · 1 · 7 · · 2 · ·  ? ? ? ?
               y                             3 1 7 2
    at once    x    · 3 · · 1 · 7 · · 2 · ·
               y                          3172

Which places hold a symbol is drawn at random, so the distance to the answer says nothing (Jing et
al. 2019; Gu and Dao 2023; Feng et al. 2024). The answer alone counts. The length is the number of
places before it. An answer at once is a target of the whole sequence: for each symbol in its order
a block of bits, that of the symbol being 1; ``head=several_symbols`` learns it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.ranges import require
from rnnx.data.corpus import Corpus
from rnnx.data.sequences import Sequences
from rnnx.data.targets import bits, classes
from rnnx.data.yardsticks import Criterion, Level
from rnnx_tasks.endless import check_task, endless_corpus
from rnnx_tasks.lengths import Lengths, flat
from rnnx_tasks.levels import guessed


class Answer(Enum):
    """How the symbols are wanted."""

    in_turn = "in_turn"
    at_once = "at_once"


@dataclass(frozen=True)
class SelectiveCopy:
    """The symbols that stood among noise."""

    items: int = 4
    """How many symbols are to be kept, at least 1."""
    symbols: int = 8
    """How many different symbols there are, at least 2."""
    lengths: Lengths = Lengths(64)
    """The places before the answer, at least ``items``."""
    answer: Answer = field(default=Answer.in_turn, repr=False)  # repr is part of the digest
    """in_turn: a symbol a step, after the places. at_once: all of them at the last place."""
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
        solved = Criterion("sequence_accuracy", 0.99, 3)
        if self.answer is Answer.at_once:
            # The loss is that of all symbols together.
            levels = (*guessed(self.symbols, self.items), all_right)
            places = range(1, self.items + 1)
            targets = bits((f"{place}: {name}" for place in places for name in symbols), True)
            own = targets, (*symbols, "·"), (), levels, solved
            return endless_corpus(self, seed, self._draw_at_once, *own)
        levels = (*guessed(self.symbols), all_right)
        own = classes(symbols), (*symbols, "·", "?"), (), levels, solved
        return endless_corpus(self, seed, self._draw, *own)

    def _draw(self, rng: np.random.Generator, sizes: Array) -> Sequences:
        k, strings, places = self.items, *self._hidden(rng, sizes)
        steps, longest = sizes + k, int(sizes.max())
        rows, answers = np.arange(len(sizes))[:, None], sizes[:, None] + np.arange(k)
        x = np.full((len(sizes), longest + k), self.symbols)
        y, weights, ages = np.zeros_like(x), np.zeros(x.shape, np.float32), np.zeros_like(x)
        x[rows, places], x[rows, answers] = strings, self.symbols + 1
        y[rows, answers], weights[rows, answers] = strings, 1
        ages[rows, answers] = answers - places
        own = [flat(one, steps) for one in (y, x, weights, ages)]
        return Sequences(steps, own[0], own[1], weights=own[2], sizes=sizes, ages=own[3])

    def _draw_at_once(self, rng: np.random.Generator, sizes: Array) -> Sequences:
        strings, places = self._hidden(rng, sizes)
        x = np.full((len(sizes), int(sizes.max())), self.symbols)
        x[np.arange(len(sizes))[:, None], places] = strings
        y = strings[..., None] == np.arange(self.symbols)  # (count, items, symbols)
        y = y.reshape(len(sizes), -1).astype(np.float32)
        return Sequences(sizes, y, flat(x, sizes), per_sequence=True, sizes=sizes)

    def _hidden(self, rng: np.random.Generator, sizes: Array) -> tuple[Array, Array]:
        """The symbols of each sequence and their places, ascending, both (count, items)."""
        count, k, longest = len(sizes), self.items, int(sizes.max())
        strings = rng.integers(0, self.symbols, (count, k))
        # The k smallest of random numbers are k places that differ; those beyond the end are none.
        order = np.where(np.arange(longest) < sizes[:, None], rng.random((count, longest)), 2)
        return strings, np.sort(np.argpartition(order, k - 1, axis=1)[:, :k], axis=1)
