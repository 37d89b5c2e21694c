"""Clipping by the norm of each layer (You, Gitman and Ginsburg 2017 measure norms layer by layer).

g_l ← g_l · min(1, limit / ‖g_l‖) for each part l: layer0, layer1, …, head
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.buffers import Parameters
from rnnx.contracts.ranges import require_positive

ROUNDING = 1 + 1e-6  # a norm that was scaled to the limit is not scaled again


@dataclass(frozen=True)
class PerLayer:
    """Scales the gradient of each layer, and of the head, to a norm of at most ``limit``.

    A layer whose gradient explodes does not slow the others down.
    """

    limit: float = 1.0
    """The largest L2 norm of the gradient of a layer or the head, above 0."""

    def __post_init__(self) -> None:
        require_positive("limit", self.limit)

    def clip(self, grads: Parameters, norm: float) -> bool:
        # No layer has a larger norm than all together. Where that is not finite, clipping would
        # hide the infinite entry.
        if norm <= self.limit or not math.isfinite(norm):
            return False
        changed = False
        for arrays in grads.values():
            layer = math.sqrt(sum(map(_squares, arrays.values())))
            if layer > self.limit * ROUNDING:
                for g in arrays.values():
                    np.multiply(g, self.limit / layer, out=g)
                changed = True
        return changed


def _squares(array: Array) -> float:
    """Σ x², in float64 where that of float32 overflows."""
    flat = array.ravel()
    found = float(np.dot(flat, flat))
    return found if math.isfinite(found) else float(np.sum(np.square(flat, dtype=np.float64)))
