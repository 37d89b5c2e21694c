"""RAdam: Adam whose step waits for its mean of squares (Liu, Jiang et al. 2020).

m ← β₁·m + (1 − β₁)·g,   v ← β₂·v + (1 − β₂)·g²,   m̂ = m / (1 − β₁ᵗ)
ρ∞ = 2 / (1 − β₂) − 1,   ρ = ρ∞ − 2·t·β₂ᵗ / (1 − β₂ᵗ)
ρ > 5:  p ← p − rate·r·m̂ / (√(v / (1 − β₂ᵗ)) + ε),   r = √((ρ−4)·(ρ−2)·ρ∞ / ((ρ∞−4)·(ρ∞−2)·ρ))
else:   p ← p − rate·m̂

ρ is the number of gradients that v is worth. The paper's bound on it is 4, PyTorch's and optax's 5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Params
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx_builtin.optimizers.adam import Adam, moments, move_means, root_mean_square

ENOUGH = 5.0  # gradients, for a mean of squares to divide by


@dataclass(frozen=True)
class RAdam:
    """Adam without its first steps' wild ones: it needs no warm-up of the rate."""

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
        p, m = params.flat, state["m"]
        move = scratch.array("move", p.shape, p.dtype)
        move_means(self, grads, state, scratch)
        rate /= 1 - self.beta1**step
        if (r := self._rectification(step)) is None:
            np.multiply(m, rate, out=move)
        else:
            root = root_mean_square(self, state["v"], step, scratch)
            np.multiply(m, rate * r, out=move)
            move /= root
        p -= move

    def _rectification(self, step: int) -> float | None:
        """r; None where the mean of squares is worth too little to divide by."""
        decay = self.beta2**step
        most = 2 / (1 - self.beta2) - 1
        rho = most - 2 * step * decay / (1 - decay)
        if rho <= ENOUGH:
            return None
        return math.sqrt((rho - 4) * (rho - 2) * most / ((most - 4) * (most - 2) * rho))
