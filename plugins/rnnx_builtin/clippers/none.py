"""No clipping: g ← g."""

from __future__ import annotations

from dataclasses import dataclass

from rnnx.contracts.buffers import Parameters


@dataclass(frozen=True)
class Unclipped:
    """Leaves the gradient unchanged."""

    def clip(self, grads: Parameters, norm: float) -> bool:
        return False
