"""The notebook's ``sample``: a draw from the softmax, reseeded before every character.

    np.random.seed(s + 2·t);   y⟨t⟩ ~ softmax(z⟨t⟩)

for the text number s of a round and its character number t, both counted from 0: the notebook's
loop adds one to its seed and one to its counter at each character.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.ranges import require


@dataclass(frozen=True)
class LegacyCategorical:
    """Draws that depend on a text's number and length alone: every round draws the same way."""

    seed: int = 0
    """Of the first text; the others follow. 0 … 2³¹ − 1."""

    def __post_init__(self) -> None:
        require(0 <= self.seed < 2**31, "seed", "0 … 2147483647", self.seed)

    def sample(self, logits: Array, before: Array, rng: np.random.Generator) -> Array:
        z = np.asarray(logits, np.float64)
        p = np.exp(z - z.max(axis=0))
        p /= p.sum(axis=0)
        # As RandomState.choice draws: one uniform number against the normalised running sum.
        total = p.cumsum(axis=0)
        total /= total[-1]
        first = self.seed + 2 * len(before)
        marks = [np.random.RandomState(first + s).random_sample() for s in range(p.shape[1])]
        ids: Array = np.sum(total <= np.array(marks), axis=0)
        return ids
