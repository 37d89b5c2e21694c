"""Adaptive gradient clipping, unit by unit (Brock, De, Smith and Simonyan 2021, NFNet).

g_i ← g_i · fraction·max(‖w_i‖, ε) / ‖g_i‖   if ‖g_i‖ > fraction·max(‖w_i‖, ε)

w_i are the weights into one unit: row i of a weight matrix (n_out, n_in), all of a bias. An update
may then change a unit by a fraction of what it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.buffers import Parameters
from rnnx.contracts.ranges import require_positive

HEAD = "head"
ROUNDING = 1 + 1e-6  # a norm that was scaled to its bound is not scaled again


@dataclass(frozen=True)
class Adaptive:
    """Scales each unit's gradient down to a fraction of the norm of the unit's weights."""

    fraction: float = 0.01
    """The largest norm of a gradient by that of its weights, above 0. NFNet uses 0.01 for large
    batches and up to 0.16 for small ones."""
    epsilon: float = 1e-3
    """ε, the least norm of weights that counts, so that weights of 0 can move. Above 0."""
    head: bool = False
    """Whether the head's gradient is clipped, too. The paper leaves the last layer out."""

    def __post_init__(self) -> None:
        require_positive("fraction", self.fraction)
        require_positive("epsilon", self.epsilon)

    def clip_by_parameters(self, grads: Parameters, norm: float, params: Parameters) -> bool:
        # No unit's norm is above that of all. An infinite one must not be hidden behind zeros.
        if norm <= self.fraction * self.epsilon or not math.isfinite(norm):
            return False
        changed = False
        for part, arrays in grads.items():
            if part != HEAD or self.head:
                for name, g in arrays.items():
                    changed |= self._clip(g, params[part][name])
        return changed

    def _clip(self, g: Array, w: Array) -> bool:
        most = np.maximum(unit_norms(w), self.epsilon)
        most *= self.fraction
        own = unit_norms(g)
        above = own > most * ROUNDING
        if not above.any():
            return False
        g *= np.where(above, most / np.maximum(own, most), 1).astype(g.dtype)
        return True


def unit_norms(array: Array) -> Array:
    """The norm of each row in float64, (n_out, 1, …); of one column or axis, that of the whole."""
    axes = tuple(range(1, array.ndim)) if array.size > len(array) else None
    norms: Array = np.sqrt(np.sum(np.square(array, dtype=np.float64), axis=axes, keepdims=True))
    return norms
