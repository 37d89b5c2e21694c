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
    """Scales the gradient down to an L2 norm of at most ``limit``; its direction stays."""

    limit: float = 1.0
    """The largest L2 norm of the whole gradient, above 0."""

    def __post_init__(self) -> None:
        require_positive("limit", self.limit)

    def clip(self, grads: Parameters, norm: float) -> bool:
        if not (math.isfinite(norm) and norm > self.limit):
            return False  # dividing by an infinite norm would hide the overflow behind zeros
        grads.flat *= self.limit / norm
        return True
