"""Clipping by value: g ← min(max(g, −limit), limit), the notebook's `clip`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnx.contracts.buffers import Parameters
from rnnx.contracts.ranges import require_positive


@dataclass(frozen=True)
class Value:
    """Clips each entry of the gradient to ±``limit``; its direction may change."""

    limit: float = 5.0
    """The largest absolute value of an entry, above 0."""

    def __post_init__(self) -> None:
        require_positive("limit", self.limit)

    def compiled(self, threads: int) -> Any:
        """The same in a compiled kernel."""
        from rnnx_builtin.kernels.update.clipping import CompiledValue

        return CompiledValue(self, self.limit)

    def clip(self, grads: Parameters, norm: float) -> bool:
        # No entry is larger than the norm, so most steps end here. Where it is not finite, clipping
        # would hide the infinite entry.
        if norm <= self.limit or not math.isfinite(norm):
            return False
        flat = grads.flat
        # The ufuncs themselves: np.max and np.clip around them double the cost on a small network.
        if not (np.maximum.reduce(flat) > self.limit or np.minimum.reduce(flat) < -self.limit):
            return False
        np.minimum(flat, self.limit, out=flat)
        np.maximum(flat, -self.limit, out=flat)
        return True
