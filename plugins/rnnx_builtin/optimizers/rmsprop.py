"""RMSProp (Tieleman and Hinton 2012).

s ← ρ·s + (1 − ρ)·g²,   p ← p − rate·g / (√s + ε)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Params
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.ranges import require_positive, require_share


@dataclass(frozen=True)
class RMSProp:
    """Each number moves by its gradient over a running root mean square of it."""

    learning_rate: float = 0.002
    """Above 0. 0.002 is that of Karpathy's char-rnn."""
    decay: float = 0.95
    """ρ, how slowly the mean forgets. 0 ≤ ρ < 1."""
    epsilon: float = 1e-8
    """ε, keeps the quotient finite. Above 0."""

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
        root = np.sqrt(s, out=square)
        root += self.epsilon
        move = np.divide(g, root, out=root)
        move *= rate
        p -= move
