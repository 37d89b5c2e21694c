"""No clipping."""

from __future__ import annotations

from dataclasses import dataclass

from rnnx.contracts.buffers import Parameters


@dataclass(frozen=True)
class Unclipped:
    """Leaves the gradients as they are."""

    def clip(self, grads: Parameters, norm: float) -> bool:
        return False
