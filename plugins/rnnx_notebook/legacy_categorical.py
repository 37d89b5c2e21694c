"""Sampling from the softmax as the notebook's ``sample`` does, reseeded before each character.

    np.random.seed(s + 2·t);   y⟨t⟩ ~ softmax(z⟨t⟩)

for text s of a sampling round and its character t, both counted from 0: the notebook's loop adds
one to its seed and one to its counter at each character.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.ranges import require


@dataclass(frozen=True)
class LegacyCategorical:
    """Draws an id from the softmax with a seed of the text's number and length."""

    expected_failed_checks: ClassVar[dict[str, str]] = {
        "check_columns_draw_alone": "the notebook draws each character with a seed of its own"
    }

    seed: int = 0
    """The seed of the first text; each further text adds 1. 0 … 2³¹ − 1."""

    def __post_init__(self) -> None:
        require(0 <= self.seed < 2**31, "seed", "0 … 2147483647", self.seed)

    def sample(self, logits: Array, before: Array, rng: np.random.Generator) -> Array:
        z = np.asarray(logits, np.float64)
        p = np.exp(z - z.max(axis=0))
        p /= p.sum(axis=0)
        # As RandomState.choice does: compare a uniform number with the normalised running sum.
        total = p.cumsum(axis=0)
        total /= total[-1]
        first = self.seed + 2 * len(before)
        marks = [np.random.RandomState(first + s).random_sample() for s in range(p.shape[1])]
        ids: Array = np.sum(total <= np.array(marks), axis=0)
        return ids
