"""Even pairs: whether the pairs 01 and 10 in a string of bits are even in number, taken together.

    y = (number of 01 + number of 10) mod 2, which is whether the first and the last bit differ

From Delétang et al. 2023. One bit has to be kept from the first step to the last. Lengths count
bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Array
from rnnx.data.corpus import Corpus
from rnnx.data.sequences import Sequences
from rnnx.data.targets import classes
from rnnx_tasks.endless import check_task, endless_corpus
from rnnx_tasks.lengths import Lengths, flat
from rnnx_tasks.levels import SOLVED, guessed


@dataclass(frozen=True)
class EvenPairs:
    """Whether the changes in a string of bits are even in number."""

    lengths: Lengths = Lengths(40, 1, 200, 41)
    """Bits of a string, at least 1."""
    held_out: int = 1000
    """The number of strings that are held out. At least 1."""
    split_seed: int = 0
    """The seed that draws the held-out strings, whatever the run's own seed. At least 0."""

    def __post_init__(self) -> None:
        check_task(self)

    def load(self, seed: int) -> Corpus:
        targets = classes(("even", "odd"), per_sequence=True)
        own = targets, ("0", "1"), (), guessed(2), SOLVED
        return endless_corpus(self, seed, self._draw, *own)

    def _draw(self, rng: np.random.Generator, sizes: Array) -> Sequences:
        bits = rng.integers(0, 2, (len(sizes), int(sizes.max())))
        changes = bits[:, 0] ^ bits[np.arange(len(sizes)), sizes - 1]
        return Sequences(sizes, changes, flat(bits, sizes), per_sequence=True, sizes=sizes)
