"""Lion: the sign of a momentum (Chen, Liang et al. 2023).

p ← p − rate·λ·p − rate·sign(β₁·m + (1 − β₁)·g)
m ← β₂·m + (1 − β₂)·g
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Params
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.ranges import require_positive, require_share


@dataclass(frozen=True)
class Lion:
    """Moves every parameter by the rate, against the sign of a running mean of its gradient.

    Its rate is 3 to 10 times smaller than Adam's, its weight decay as many times larger.
    """

    learning_rate: float = 0.0003
    """The size of every move, above 0."""
    beta1: float = 0.9
    """β₁, the weight of the running mean in the direction. 0 ≤ β₁ < 1."""
    beta2: float = 0.99
    """β₂, the fraction of the mean that a step keeps. 0 ≤ β₂ < 1."""
    weight_decay: float = 0.0
    """λ, the fraction of each parameter that a rate of 1 would subtract. 0 ≤ λ < 1."""
    decay_biases: bool = True
    """Whether biases are decayed, too."""

    def __post_init__(self) -> None:
        require_positive("learning_rate", self.learning_rate)
        require_share("beta1", self.beta1)
        require_share("beta2", self.beta2)
        require_share("weight_decay", self.weight_decay)

    def init(self, params: Parameters) -> Params:
        return {"m": np.zeros_like(params.flat)}

    def update(
        self,
        params: Parameters,
        grads: Parameters,
        state: Params,
        rate: float,
        step: int,
        scratch: Scratch,
    ) -> None:
        p, g, m = params.flat, grads.flat, state["m"]
        part = scratch.array("part", p.shape, p.dtype)
        move = np.multiply(m, self.beta1, out=scratch.array("move", p.shape, p.dtype))
        move += np.multiply(g, 1 - self.beta1, out=part)
        np.sign(move, out=move)
        move *= rate
        p *= 1 - rate * self.weight_decay
        p -= move
        m *= self.beta2
        m += np.multiply(g, 1 - self.beta2, out=part)
