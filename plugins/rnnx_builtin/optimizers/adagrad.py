"""AdaGrad (Duchi, Hazan and Singer 2011).

s ← s + g²,   p ← p − rate·g / (√s + ε)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Params
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.ranges import require_positive


@dataclass(frozen=True)
class AdaGrad:
    """Each number moves by its gradient over the root of all its squares so far."""

    learning_rate: float = 0.1
    """Above 0. 0.1 is that of Karpathy's min-char-rnn."""
    epsilon: float = 1e-8
    """ε, keeps the quotient finite. Above 0."""

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
        root = np.sqrt(s, out=square)
        root += self.epsilon
        move = np.divide(g, root, out=root)
        move *= rate
        p -= move
