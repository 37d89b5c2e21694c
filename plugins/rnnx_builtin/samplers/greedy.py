"""Greedy decoding: argmax z."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Array


@dataclass(frozen=True)
class Greedy:
    """Takes the likeliest id, the first of equals: the same text every time."""

    def sample(self, logits: Array, before: Array, rng: np.random.Generator) -> Array:
        ids: Array = np.argmax(logits, axis=0)
        return ids
