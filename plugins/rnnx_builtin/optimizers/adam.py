"""Adam (Kingma and Ba 2015).

m ← β₁·m + (1 − β₁)·g,   v ← β₂·v + (1 − β₂)·g²
p ← p − rate · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.ranges import require_positive, require_share


class AdamConstants(Protocol):
    """The constants of Adam's update, which its kin have too."""

    @property
    def beta1(self) -> float: ...
    @property
    def beta2(self) -> float: ...
    @property
    def epsilon(self) -> float: ...


@dataclass(frozen=True)
class Adam:
    """Divides a running mean of the gradient by the root of a running mean of its squares.

    Both means begin at 0 and are corrected for it.
    """

    learning_rate: float = 0.003
    """Above 0."""
    beta1: float = 0.9
    """β₁, the fraction of the mean that a step keeps. 0 ≤ β₁ < 1."""
    beta2: float = 0.999
    """β₂, the fraction of the mean square that a step keeps. 0 ≤ β₂ < 1."""
    epsilon: float = 1e-8
    """ε keeps the quotient finite. Above 0."""

    def __post_init__(self) -> None:
        require_positive("learning_rate", self.learning_rate)
        require_share("beta1", self.beta1)
        require_share("beta2", self.beta2)
        require_positive("epsilon", self.epsilon)

    def init(self, params: Parameters) -> Params:
        return moments(params)

    def compiled(self, threads: int) -> Any:
        """The same in a compiled kernel."""
        return compiled_adam(self, lambda rate: 1.0)

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
        p -= adam_move(self, grads, state, rate, step, scratch)


def compiled_adam(rule: AdamConstants, shrink: Callable[[float], float]) -> Any:
    """Adam's update in a compiled kernel, where parameters are first multiplied by ``shrink``.

    That is a function of the rate.
    """
    from rnnx_builtin.kernels.update.moves import CompiledUpdate, move_by_moments

    def factors(rate: float, step: int) -> tuple[Any, ...]:
        corrected = rate / (1 - rule.beta1**step), 1 / (1 - rule.beta2**step)
        return (rule.beta1, rule.beta2), corrected, rule.epsilon, shrink(rate)

    return CompiledUpdate(rule, move_by_moments, ("m", "v"), factors)


def moments(params: Parameters) -> Params:
    """The state at first: m and v of all parameters, 0."""
    return {"m": np.zeros_like(params.flat), "v": np.zeros_like(params.flat)}


def adam_move(
    rule: AdamConstants, grads: Parameters, state: Params, rate: float, step: int, scratch: Scratch
) -> Array:
    """Update m and v; what Adam then subtracts from the parameters, in a scratch buffer."""
    move_means(rule, grads, state, scratch)
    root = root_mean_square(rule, state["v"], step, scratch)
    move = scratch.array("move", root.shape, root.dtype)
    np.multiply(state["m"], rate / (1 - rule.beta1**step), out=move)
    move /= root
    return move


def move_means(rule: AdamConstants, grads: Parameters, state: Params, scratch: Scratch) -> None:
    """Update m and v by the gradient; it uses the scratch buffers ``move`` and ``root``."""
    g, m, v = grads.flat, state["m"], state["v"]
    root = scratch.array("root", g.shape, g.dtype)
    m *= rule.beta1
    m += np.multiply(g, 1 - rule.beta1, out=scratch.array("move", g.shape, g.dtype))
    np.multiply(g, g, out=root)
    root *= 1 - rule.beta2
    v *= rule.beta2
    v += root


def root_mean_square(rule: AdamConstants, v: Array, step: int, scratch: Scratch) -> Array:
    """√(v / (1 − β₂ᵗ)) + ε, in the scratch buffer ``root``."""
    root = scratch.array("root", v.shape, v.dtype)
    np.multiply(v, 1 / (1 - rule.beta2**step), out=root)
    np.sqrt(root, out=root)
    root += rule.epsilon
    return root
