"""Sampling from the softmax: p ∝ exp(z / temperature)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.ranges import require_positive
from rnnx_builtin.samplers.draw import draw, weights


@dataclass(frozen=True)
class Categorical:
    """Draws an id from the softmax of the logits."""

    temperature: float = 1.0
    """Below 1 likely ids become likelier, above 1 all ids become more equally likely. Above 0."""

    def __post_init__(self) -> None:
        require_positive("temperature", self.temperature)

    def sample(self, logits: Array, before: Array, rng: np.random.Generator) -> Array:
        return draw(weights(logits, self.temperature), rng)
