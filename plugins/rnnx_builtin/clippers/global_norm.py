"""Clipping by the global norm (Pascanu, Mikolov and Bengio 2013).

g ← g · limit / ‖g‖ if ‖g‖ > limit, with ‖g‖ over all parameters together
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from rnnx.contracts.buffers import Parameters
from rnnx.contracts.ranges import require_positive


@dataclass(frozen=True)
class GlobalNorm:
    """Bounds the length of the gradient and keeps its direction."""

    limit: float = 1.0
    """The largest L2 norm, above 0."""

    def __post_init__(self) -> None:
        require_positive("limit", self.limit)

    def clip(self, grads: Parameters, norm: float) -> bool:
        if not (math.isfinite(norm) and norm > self.limit):
            return False  # an infinite norm would scale all to 0 and hide what went wrong
        grads.flat *= self.limit / norm
        return True
