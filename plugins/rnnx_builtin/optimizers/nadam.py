"""NAdam: Adam with Nesterov's momentum (Dozat 2016), with β₁ constant.

m ← β₁·m + (1 − β₁)·g,   v ← β₂·v + (1 − β₂)·g²
p ← p − rate · (β₁·m / (1 − β₁ᵗ⁺¹) + (1 − β₁)·g / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)

The paper also lets β₁ grow with t; that is left out, as in optax.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Params
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx_builtin.optimizers.adam import Adam, moments, move_means, root_mean_square


@dataclass(frozen=True)
class NAdam:
    """Adam that looks ahead: its mean of the gradient is the one of the next step."""

    learning_rate: float = 0.003
    """Above 0."""
    beta1: float = 0.9
    """β₁, the fraction of the mean that a step keeps. 0 ≤ β₁ < 1."""
    beta2: float = 0.999
    """β₂, the fraction of the mean square that a step keeps. 0 ≤ β₂ < 1."""
    epsilon: float = 1e-8
    """ε keeps the quotient finite. Above 0."""

    def __post_init__(self) -> None:
        Adam(self.learning_rate, self.beta1, self.beta2, self.epsilon)  # checks their ranges

    def init(self, params: Parameters) -> Params:
        return moments(params)

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
        move = scratch.array("move", p.shape, p.dtype)
        move_means(self, grads, state, scratch)
        root = root_mean_square(self, state["v"], step, scratch)
        np.multiply(m, rate * self.beta1 / (1 - self.beta1 ** (step + 1)), out=move)
        g *= rate * (1 - self.beta1) / (1 - self.beta1**step)
        move += g
        move /= root
        p -= move
