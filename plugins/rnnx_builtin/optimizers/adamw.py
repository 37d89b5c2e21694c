"""AdamW: Adam with decoupled weight decay (Loshchilov and Hutter 2019).

p ← p − rate·λ·p − (Adam's move)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Params
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.ranges import require_positive, require_share
from rnnx_builtin.optimizers.adam import adam_move


@dataclass(frozen=True)
class AdamW:
    """Adam whose decay of the weights is not divided by the gradients' size."""

    learning_rate: float = 0.003
    """Above 0."""
    beta1: float = 0.9
    """β₁, how slowly the mean forgets. 0 ≤ β₁ < 1."""
    beta2: float = 0.999
    """β₂, how slowly the mean square forgets. 0 ≤ β₂ < 1."""
    epsilon: float = 1e-8
    """ε, keeps the quotient finite. Above 0."""
    weight_decay: float = 0.01
    """λ, the share of every parameter that a rate of 1 would take off. 0 ≤ λ < 1."""

    def __post_init__(self) -> None:
        require_positive("learning_rate", self.learning_rate)
        require_share("beta1", self.beta1)
        require_share("beta2", self.beta2)
        require_positive("epsilon", self.epsilon)
        require_share("weight_decay", self.weight_decay)

    def init(self, params: Parameters) -> Params:
        return {"m": np.zeros_like(params.flat), "v": np.zeros_like(params.flat)}

    def update(
        self,
        params: Parameters,
        grads: Parameters,
        state: Params,
        rate: float,
        step: int,
        scratch: Scratch,
    ) -> None:
        p = params.flat
        move = adam_move(self, grads, state, rate, step, scratch)
        p *= 1 - rate * self.weight_decay
        p -= move
