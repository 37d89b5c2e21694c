"""Momentum (Polyak 1964) and Nesterov's form of it (Sutskever et al. 2013).

v ← μ·v + g,   p ← p − rate·v            nesterov: p ← p − rate·(g + μ·v)

As in PyTorch the rate multiplies v when v is used, so that a schedule acts at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnx.arrays import Params
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.ranges import require_positive, require_share


@dataclass(frozen=True)
class Momentum:
    """Descends along a velocity: the sum of past gradients, each decayed by μ a step."""

    learning_rate: float = 0.1
    """Above 0."""
    momentum: float = 0.9
    """μ, the fraction of the velocity that a step keeps. 0 ≤ μ < 1."""
    nesterov: bool = False
    """Look ahead: move by g + μ·v instead of v."""

    def __post_init__(self) -> None:
        require_positive("learning_rate", self.learning_rate)
        require_share("momentum", self.momentum)

    def init(self, params: Parameters) -> Params:
        return {"v": np.zeros_like(params.flat)}

    def compiled(self, threads: int) -> Any:
        """The same in a compiled kernel."""
        from rnnx_builtin.kernels.update.moves import CompiledUpdate, descend_by_velocity

        own = self.momentum, self.nesterov
        return CompiledUpdate(self, descend_by_velocity, ("v",), lambda rate, step: (rate, *own))

    def update(
        self,
        params: Parameters,
        grads: Parameters,
        state: Params,
        rate: float,
        step: int,
        scratch: Scratch,
    ) -> None:
        p, g, v = params.flat, grads.flat, state["v"]
        move = scratch.array("move", p.shape, p.dtype)
        v *= self.momentum
        v += g
        if self.nesterov:
            np.multiply(v, self.momentum, out=move)
            move += g
            move *= rate
        else:
            np.multiply(v, rate, out=move)
        p -= move
