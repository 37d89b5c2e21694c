"""Nucleus sampling (Holtzman et al. 2020).

The softmax over the nucleus: the smallest set of likeliest ids whose probabilities sum to p or
more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.ranges import require, require_positive
from rnnx_builtin.samplers.draw import draw, weights


@dataclass(frozen=True)
class TopP:
    """Draws an id from the likeliest, which together have probability p."""

    p: float = 0.9
    """The probability of the nucleus. 0 < p ≤ 1."""
    temperature: float = 1.0
    """As in `categorical`, applied before the nucleus is chosen. Above 0."""

    def __post_init__(self) -> None:
        require(0 < self.p <= 1, "p", "above 0 and at most 1", self.p)
        require_positive("temperature", self.temperature)

    def sample(self, logits: Array, before: Array, rng: np.random.Generator) -> Array:
        w = weights(logits, self.temperature)
        order = np.argsort(-w, axis=0, kind="stable")  # (n_y, B), the likeliest first
        ranked = np.take_along_axis(w, order, axis=0)
        total = np.cumsum(ranked, axis=0)
        # An id belongs to the nucleus if the likelier ones together have less than p.
        ranked[(total - ranked) >= self.p * total[-1]] = 0
        ranks = draw(ranked, rng)
        ids: Array = np.take_along_axis(order, ranks[None], axis=0)[0]
        return ids
