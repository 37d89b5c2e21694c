"""The updates of optimizers in one pass over all parameters, with the bits of their calls of NumPy.

Each operation is rounded by itself, in NumPy's order, and a factor that Python computed is rounded
to the parameters' type first, as NumPy does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rnnx.arrays import Params
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx_builtin.kernels.simd.compiling import kernel


@dataclass(frozen=True)
class CompiledUpdate:
    """An optimizer's update by a kernel, of the arrays of its state and of its factors."""

    optimizer: Any
    """It makes the update itself while the kernel is being compiled, and where a class below it
    keeps a state of another type."""
    kernel: Any
    names: tuple[str, ...]
    """The state's arrays, in the kernel's order."""
    factors: Callable[[float, int], tuple[Any, ...]]
    """Of the rate and the step: what the kernel takes last."""

    def update(
        self,
        params: Parameters,
        grads: Parameters,
        state: Params,
        rate: float,
        step: int,
        scratch: Scratch,
    ) -> None:
        """``Optimizer.update``."""
        p, arrays = params.flat, [state[name] for name in self.names]
        if self.kernel.is_coming() or any(array.dtype != p.dtype for array in arrays):
            self.optimizer.update(params, grads, state, rate, step, scratch)
            return
        self.kernel(p, grads.flat, *arrays, *self.factors(rate, step))


@kernel
def descend(p: Any, g: Any, rate: float) -> None:
    """p ← p − rate·g."""
    factor = p.dtype.type(rate)
    for i in range(p.size):
        p[i] -= g[i] * factor


@kernel
def descend_by_velocity(p: Any, g: Any, v: Any, rate: float, kept: float, nesterov: bool) -> None:
    """v ← kept·v + g; p ← p − rate·v, or − rate·(g + kept·v)."""
    factor, momentum = p.dtype.type(rate), p.dtype.type(kept)
    if nesterov:
        for i in range(p.size):
            v[i] = v[i] * momentum + g[i]
            p[i] -= (v[i] * momentum + g[i]) * factor
    else:
        for i in range(p.size):
            v[i] = v[i] * momentum + g[i]
            p[i] -= v[i] * factor


@kernel
def move_by_moments(
    p: Any,
    g: Any,
    m: Any,
    v: Any,
    means: tuple[float, float],
    corrected: tuple[float, float],
    epsilon: float,
    shrink: float,
) -> None:
    """Adam's m, v and p; p is multiplied by ``shrink`` first.

    ``means``: β₁ and β₂; ``corrected``: rate / (1 − β₁ᵗ) and 1 / (1 − β₂ᵗ).
    """
    kind = p.dtype.type
    b1, b2, rate = kind(means[0]), kind(means[1]), kind(corrected[0])
    new1, new2, of_v = kind(1 - means[0]), kind(1 - means[1]), kind(corrected[1])
    small, kept = kind(epsilon), kind(shrink)
    for i in range(p.size):
        m[i] = m[i] * b1 + g[i] * new1
        v[i] = v[i] * b2 + g[i] * g[i] * new2
        p[i] = p[i] * kept - m[i] * rate / (math.sqrt(v[i] * of_v) + small)
