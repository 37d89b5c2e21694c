"""Clipping by value in one pass."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from rnnx.contracts.buffers import Parameters
from rnnx_builtin.kernels.simd.compiling import kernel


@dataclass(frozen=True)
class CompiledValue:
    """The clipper ``value`` in a kernel; ``clipper`` itself clips while that is being compiled."""

    clipper: Any
    limit: float

    def clip(self, grads: Parameters, norm: float) -> bool:
        """``Clipper.clip``."""
        if norm <= self.limit or not math.isfinite(norm):
            return False
        if clip_values.is_coming():
            return bool(self.clipper.clip(grads, norm))
        return bool(clip_values(grads.flat, self.limit))


@kernel
def clip_values(g: Any, limit: float) -> bool:
    """g ← min(max(g, −limit), limit); whether that changed anything."""
    most, changed = g.dtype.type(limit), 0
    for i in range(g.size):
        value = g[i]
        clipped = value if value < most else most
        clipped = clipped if clipped > -most else -most
        changed += clipped != value
        g[i] = clipped
    return changed > 0
