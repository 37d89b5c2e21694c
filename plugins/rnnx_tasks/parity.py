"""Parity: whether a string of bits has an even or an odd number of ones.

    x⟨t⟩ ∈ {0, 1},   y = Σ x⟨t⟩ mod 2

The answer is wanted at the end (Delétang et al. 2023, "Neural Networks and the Chomsky Hierarchy"),
or at every step that of the string so far. It needs one bit of memory, which every 1 turns over; a
recurrence that is diagonal, driven by the input and never negative cannot do that at all lengths
(Grazzi et al. 2024). Lengths count bits.
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
class Parity:
    """Whether bits have an even or an odd number of ones."""

    lengths: Lengths = Lengths(40, 3, 256, 40)
    """Bits of a string: 3–40 in training, 40–256 held out, as Beck et al. 2024 have it."""
    every_step: bool = False
    """Ask for the parity so far at every step, not at the end alone; it is learned sooner."""
    held_out: int = 1000
    """The number of strings that are held out. At least 1."""
    split_seed: int = 0
    """The seed that draws the held-out strings, whatever the run's own seed. At least 0."""

    def __post_init__(self) -> None:
        check_task(self)

    def load(self, seed: int) -> Corpus:
        targets = classes(("even", "odd"), per_sequence=not self.every_step)
        own = targets, ("0", "1"), (), guessed(2), SOLVED
        return endless_corpus(self, seed, self._draw, *own)

    def _draw(self, rng: np.random.Generator, sizes: Array) -> Sequences:
        bits = rng.integers(0, 2, (len(sizes), int(sizes.max())))
        so_far = np.cumsum(bits, axis=1) % 2
        if self.every_step:
            return Sequences(sizes, flat(so_far, sizes), flat(bits, sizes), sizes=sizes)
        y = so_far[np.arange(len(sizes)), sizes - 1]
        return Sequences(sizes, y, flat(bits, sizes), per_sequence=True, sizes=sizes)
