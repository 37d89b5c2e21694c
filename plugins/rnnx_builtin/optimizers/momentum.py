"""Momentum (Polyak 1964) and Nesterov's form of it (Sutskever et al. 2013).

v ← μ·v + g,   p ← p − rate·v            nesterov: p ← p − rate·(g + μ·v)

PyTorch's form: the rate multiplies v when it is used, so that a schedule acts at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Params
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.ranges import require_positive, require_share


@dataclass(frozen=True)
class Momentum:
    """Descent with a velocity that remembers where it was going."""

    learning_rate: float = 0.1
    """Above 0."""
    momentum: float = 0.9
    """μ, the share of the velocity that is kept. 0 ≤ μ < 1."""
    nesterov: bool = False
    """Look ahead: use the velocity as it will be after this gradient."""

    def __post_init__(self) -> None:
        require_positive("learning_rate", self.learning_rate)
        require_share("momentum", self.momentum)

    def init(self, params: Parameters) -> Params:
        return {"v": np.zeros_like(params.flat)}

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
