"""Top-k sampling: the softmax over the k largest logits (Fan, Lewis and Dauphin 2018)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.ranges import require, require_positive
from rnnx_builtin.samplers.draw import draw, weights


@dataclass(frozen=True)
class TopK:
    """Draws an id from the k likeliest, among them all that equal the k-th."""

    k: int = 5
    """How many ids may be drawn, at least 1; beyond the vocabulary, all."""
    temperature: float = 1.0
    """As in `categorical`. Above 0."""

    def __post_init__(self) -> None:
        require(self.k >= 1, "k", "at least 1", self.k)
        require_positive("temperature", self.temperature)

    def sample(self, logits: Array, before: Array, rng: np.random.Generator) -> Array:
        w = weights(logits, self.temperature)
        k = min(self.k, len(w))
        least = np.partition(w, len(w) - k, axis=0)[len(w) - k]  # the k-th largest
        return draw(np.where(w >= least, w, 0), rng)
