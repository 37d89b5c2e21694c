"""Draw an id for each column from unnormalised weights."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from rnnx.arrays import Array

ROWWISE_MIN = 256  # columns; below, accumulating down the columns is faster than row by row


def weights(logits: Array, temperature: float) -> Array:
    """(n_y, B) of exp((z − max z) / temperature), in float64; −inf becomes 0."""
    scaled: Array = logits.astype(np.float64)
    scaled -= np.maximum.reduce(scaled, axis=None if scaled.shape[1] == 1 else 0)
    if temperature != 1:
        scaled /= temperature
    np.exp(scaled, out=scaled)
    return scaled


def draw(weights: Array, rng: np.random.Generator) -> Array:
    """(n_y, B) weights ≥ 0 → (B,) ids, by one uniform number a column and the inverse CDF."""
    # random() < 1, so a mark lies below the total and never on a weight of 0.
    if weights.shape[1] == 1:  # a single text: the same numbers without two-dimensional arrays
        one = np.add.accumulate(weights[:, 0])
        return np.array([np.count_nonzero(one <= rng.random() * one[-1])])
    total = _running_sum(weights)
    marks = rng.random(weights.shape[1]) * total[-1]
    ids: Array = np.add.reduce(total <= marks)
    return ids


def _running_sum(weights: Array) -> Array:
    """The running sums of each column; row by row for long rows, where accumulate is slow."""
    if weights.shape[1] < ROWWISE_MIN:
        return np.add.accumulate(weights)
    total = weights.copy()
    for above, row in pairwise(total):
        np.add(row, above, out=row)
    return total
