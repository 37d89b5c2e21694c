"""Inverse time decay: factor = 1 / (1 + decay·(step − 1)), Keras's `decay`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rnnx.contracts.ranges import require


@dataclass(frozen=True)
class InverseTime:
    """Divides the learning rate by 1 + decay·(step − 1)."""

    decay: float = 0.01
    """The growth of the divisor at each update, at least 0."""

    def __post_init__(self) -> None:
        require(0 <= self.decay < math.inf, "decay", "at least 0 and finite", self.decay)

    def factor(self, step: int) -> float:
        return 1 / (1 + self.decay * (step - 1))
