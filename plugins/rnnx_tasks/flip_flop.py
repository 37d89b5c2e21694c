"""Flip-flop: read the bit that was written last, among many that are to be ignored.

    x    w 1 i 0 i 1 r 1 i 0 w 0 i 1 r 0
    y                1               0      at each r

Instructions write, ignore and read alternate with bits; a read is followed by the bit that it
reads, which is what has to be predicted and alone counts. The first instruction is a write, the
last a read (Liu et al. 2023, "Exposing Attention Glitches with Flip-Flop Language Modeling"). The
length counts instructions and bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.ranges import require_share
from rnnx.data.corpus import Corpus
from rnnx.data.sequences import Sequences
from rnnx.data.targets import classes
from rnnx.data.yardsticks import Criterion
from rnnx_tasks.endless import check_task, endless_corpus
from rnnx_tasks.lengths import Lengths, flat
from rnnx_tasks.levels import guessed

SYMBOLS = ("0", "1", "w", "i", "r")
WRITE, IGNORE, READ = 2, 3, 4


@dataclass(frozen=True)
class FlipFlop:
    """The bit that was written last."""

    ignored: float = 0.8
    """The share of instructions to ignore a bit; the others are writes and reads, equally often.
    The paper has 0.8, and 0.98 and 0.1 to test on. 0 ≤ share < 1."""
    lengths: Lengths = Lengths(128)
    """Instructions and bits, at least 4; an odd length counts as the even one below it."""
    held_out: int = 500
    """The number of sequences that are held out. At least 1."""
    split_seed: int = 0
    """The seed that draws the held-out sequences, whatever the run's own seed. At least 0."""

    def __post_init__(self) -> None:
        require_share("ignored", self.ignored)
        check_task(self, 4)

    def load(self, seed: int) -> Corpus:
        own = classes(("0", "1")), SYMBOLS, (), guessed(2), Criterion("accuracy", 1.0, 3)
        return endless_corpus(self, seed, self._draw, *own)

    def _draw(self, rng: np.random.Generator, sizes: Array) -> Sequences:
        pairs = sizes // 2
        count, longest, rows = len(sizes), int(pairs.max()), np.arange(len(sizes))
        written = (1 - self.ignored) / 2
        drawn = rng.random((count, longest))
        which = np.where(drawn < written, WRITE, np.where(drawn < 2 * written, READ, IGNORE))
        which[:, 0], which[rows, pairs - 1] = WRITE, READ
        # At each place the last write up to there, and what it wrote.
        last = np.maximum.accumulate(np.where(which == WRITE, np.arange(longest), 0), axis=1)
        bits = rng.integers(0, 2, (count, longest))
        stored = np.take_along_axis(bits, last, axis=1)
        is_read = which == READ
        x = np.stack([which, np.where(is_read, stored, bits)], axis=2)
        y, ages = np.zeros_like(x), np.zeros_like(x)
        y[..., 0] = stored
        ages[..., 0] = np.where(is_read, 2 * (np.arange(longest) - last) - 1, 0)
        weights = np.stack([is_read, np.zeros_like(is_read)], axis=2).astype(np.float32)
        own = [flat(one.reshape(count, -1), 2 * pairs) for one in (y, x, weights, ages)]
        return Sequences(2 * pairs, own[0], own[1], weights=own[2], sizes=sizes, ages=own[3])
