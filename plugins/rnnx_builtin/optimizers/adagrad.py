"""AdaGrad (Duchi, Hazan and Singer 2011).

s ← s + g²,   p ← p − rate·g / (√s + ε)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Params
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.ranges import require_positive
from rnnx_builtin.optimizers.normalized import descend_normalized


@dataclass(frozen=True)
class AdaGrad:
    """Divides each gradient by the root of the sum of its squares so far."""

    learning_rate: float = 0.1
    """Above 0. Karpathy's min-char-rnn uses 0.1."""
    epsilon: float = 1e-8
    """ε keeps the quotient finite. Above 0."""

    def __post_init__(self) -> None:
        require_positive("learning_rate", self.learning_rate)
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
        s += square
        descend_normalized(p, g, s, rate, self.epsilon, square)
