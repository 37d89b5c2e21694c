"""RMSProp (Tieleman and Hinton 2012).

s ← ρ·s + (1 − ρ)·g²,   p ← p − rate·g / (√s + ε)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Params
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.ranges import require_positive, require_share
from rnnx_builtin.optimizers.normalized import descend_normalized


@dataclass(frozen=True)
class RMSProp:
    """Divides each gradient by the root of a running mean of its squares."""

    learning_rate: float = 0.002
    """Above 0. Karpathy's char-rnn uses 0.002."""
    decay: float = 0.95
    """ρ, the fraction of the mean that a step keeps. 0 ≤ ρ < 1."""
    epsilon: float = 1e-8
    """ε keeps the quotient finite. Above 0."""

    def __post_init__(self) -> None:
        require_positive("learning_rate", self.learning_rate)
        require_share("decay", self.decay)
        require_positive("epsilon", self.epsilon)

    def init(self, params: Parameters) -> Params:
        return {"s": np.zeros_like(params.flat)}

    def update(
        self,
        params: Parameters,
        grads: Parameters,
        state: Params,
        rate: float,
        step: int,
        scratch: Scratch,
    ) -> None:
        p, g, s = params.flat, grads.flat, state["s"]
        square = np.multiply(g, g, out=scratch.array("square", p.shape, p.dtype))
        square *= 1 - self.decay
        s *= self.decay
        s += square
        descend_normalized(p, g, s, rate, self.epsilon, square)
