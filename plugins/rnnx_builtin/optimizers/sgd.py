"""Stochastic gradient descent: p ← p − rate·g, the notebook's `update_parameters`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnx.arrays import Params
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.ranges import require_positive


@dataclass(frozen=True)
class SGD:
    """Descends along the gradient; it has no state."""

    learning_rate: float = 0.01
    """Above 0. The notebook uses 0.01."""

    def __post_init__(self) -> None:
        require_positive("learning_rate", self.learning_rate)

    def init(self, params: Parameters) -> Params:
        return {}

    def compiled(self, threads: int) -> Any:
        """The same in a compiled kernel."""
        from rnnx_builtin.kernels.update.moves import CompiledUpdate, descend

        return CompiledUpdate(self, descend, (), lambda rate, step: (rate,))

    def update(
        self,
        params: Parameters,
        grads: Parameters,
        state: Params,
        rate: float,
        step: int,
        scratch: Scratch,
    ) -> None:
        p, g = params.flat, grads.flat
        p -= np.multiply(g, rate, out=scratch.array("move", p.shape, p.dtype))
