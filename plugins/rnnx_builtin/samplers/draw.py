"""One draw a column from unnormalised weights."""

from __future__ import annotations

import numpy as np

from rnnx.contracts import Array


def weights(logits: Array, temperature: float) -> Array:
    """(n_y, B) of exp((z − max z) / temperature), in float64; −inf becomes 0."""
    scaled: Array = np.subtract(logits, np.maximum.reduce(logits), dtype=np.float64)
    if temperature != 1:
        scaled /= temperature
    np.exp(scaled, out=scaled)
    return scaled


def draw(weights: Array, rng: np.random.Generator) -> Array:
    """(n_y, B) weights ≥ 0 → (B,) ids, by one uniform number a column and the inverse CDF."""
    total = np.add.accumulate(weights)
    # random() < 1, so a mark lies below the total, and a weight of 0 has no room for one.
    marks = rng.random(weights.shape[1]) * total[-1]
    ids: Array = np.add.reduce(total <= marks)
    return ids
