"""The L2 norm of the gradient of each parameter, before clipping."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx.contracts.probes import Findings, Observation
from rnnx.contracts.ranges import require


@dataclass(frozen=True)
class GradientNorms:
    """The L2 norm of the gradient of each parameter, as metrics."""

    every: int = 100
    """Observe step 1 and every multiple of this many steps, at least 1."""

    def __post_init__(self) -> None:
        require(self.every >= 1, "every", "at least 1", self.every)

    def observe(self, seen: Observation) -> Findings:
        norms = {f"gradients/{n}": float(np.linalg.norm(g)) for n, g in seen.grads.leaves()}
        return Findings(norms)
