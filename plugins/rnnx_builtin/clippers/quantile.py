"""Clipping by a quantile of the norms so far (AutoClip, Seetharaman et al. 2020).

limit ← the q-quantile of ‖g‖ over the last ``window`` steps, this one among them
g ← g · limit / ‖g‖ if ‖g‖ > limit
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Params
from rnnx.contracts.buffers import Parameters
from rnnx.contracts.ranges import require


@dataclass(frozen=True)
class Quantile:
    """Scales the gradient down to a norm that a fraction of the last steps did not exceed.

    No limit has to be found by hand: it follows the gradients of the network as they are.
    """

    quantile: float = 0.1
    """q, the fraction of norms at or below the limit. 0 ≤ q ≤ 1; 1 clips nothing. AutoClip's is
    0.1."""
    window: int = 1000
    """The number of steps that are remembered, at least 1. AutoClip remembers all."""

    def __post_init__(self) -> None:
        require(0 <= self.quantile <= 1, "quantile", "0 to 1", self.quantile)
        require(self.window >= 1, "window", "at least 1", self.window)

    def init_state(self, params: Parameters) -> Params:
        return {"norms": np.zeros(self.window), "count": np.zeros(1, np.int64)}

    def clip_with_state(
        self, grads: Parameters, norm: float, state: Params, params: Parameters
    ) -> bool:
        if not math.isfinite(norm):
            return False  # dividing by an infinite norm would hide the overflow behind zeros
        norms, count = state["norms"], int(state["count"][0])
        norms[count % self.window] = norm
        state["count"] += 1
        known = norms[: count + 1]
        limit = float(np.quantile(known, self.quantile))
        if norm <= limit or not limit:  # a limit of 0 would stop training for good
            return False
        grads.flat *= limit / norm
        return True
