"""AdamW: Adam with decoupled weight decay (Loshchilov and Hutter 2019).

p ← p − rate·λ·p − rate · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε),   m and v as in adam
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rnnx.arrays import Params
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.ranges import require_share
from rnnx_builtin.optimizers.adam import Adam, adam_move, compiled_adam, moments


@dataclass(frozen=True)
class AdamW:
    """Adam, with weight decay outside its division by the root of the mean square."""

    learning_rate: float = 0.003
    """Above 0."""
    beta1: float = 0.9
    """β₁, the fraction of the mean that a step keeps. 0 ≤ β₁ < 1."""
    beta2: float = 0.999
    """β₂, the fraction of the mean square that a step keeps. 0 ≤ β₂ < 1."""
    epsilon: float = 1e-8
    """ε keeps the quotient finite. Above 0."""
    weight_decay: float = 0.01
    """λ, the fraction of each parameter that a rate of 1 would subtract. 0 ≤ λ < 1."""
    decay_biases: bool = True
    """Whether biases are decayed, too."""

    def __post_init__(self) -> None:
        Adam(self.learning_rate, self.beta1, self.beta2, self.epsilon)  # checks their ranges
        require_share("weight_decay", self.weight_decay)

    def init(self, params: Parameters) -> Params:
        return moments(params)

    def compiled(self, threads: int) -> Any:
        """The same in a compiled kernel."""
        return compiled_adam(self, lambda rate: 1 - rate * self.weight_decay)

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
