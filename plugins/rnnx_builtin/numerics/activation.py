"""Smooth activations, each with its slope.

SiLU      x·σ(x)                                            (Elfwing et al. 2018)
GELU      x·Φ(x), Φ the normal distribution                  (Hendrycks and Gimpel 2016)
its form by tanh   ½x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))   the default of JAX
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from rnnx.arrays import Array

Activation: TypeAlias = Callable[[Array], tuple[Array, Array]]
"""x → y and dy/dx, elementwise."""


def silu(x: Array) -> tuple[Array, Array]:
    """x·σ(x)."""
    gate = 0.5 * np.tanh(0.5 * x) + 0.5
    y = x * gate
    return y, gate + y * (1 - gate)


def gelu(x: Array) -> tuple[Array, Array]:
    """x·Φ(x)."""
    from scipy.special import ndtr

    share = ndtr(x)
    density = np.exp(-0.5 * np.square(x)) * x.dtype.type(1 / math.sqrt(2 * math.pi))
    return x * share, share + x * density


def gelu_by_tanh(x: Array) -> tuple[Array, Array]:
    """The approximation of x·Φ(x) by a tanh."""
    a, b = math.sqrt(2 / math.pi), 0.044715
    square = np.square(x)
    bend = np.tanh(a * x * (1 + b * square))
    slope = 0.5 * (1 + bend) + 0.5 * x * (1 - np.square(bend)) * (a * (1 + 3 * b * square))
    return 0.5 * x * (1 + bend), slope
