"""The module that the notebook's first part imports: its two activations."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnx.arrays import Array
from rnnx.errors import InputError
from rnnx_notebook.shapes import numbers

__all__ = ["sigmoid", "softmax"]


def softmax(x: Any) -> Array:
    """Probabilities along the first axis: p = exp(x − max x) / Σ exp(x − max x).

    ``x`` is (n,), (n, m) or (n, m, T); the result has the same shape, and each column sums to 1.
    The operations and their order are those of the softmax head.
    """
    x = numbers("x", x)
    if x.ndim == 0 or len(x) == 0:
        raise InputError(f"x: expected shape (n,) or (n, m) with n at least 1, received {x.shape}")
    z: Array = np.exp(x - np.max(x, axis=0))
    z /= np.sum(z, axis=0)
    return z


def sigmoid(x: Any) -> Array:
    """σ(x) = 1 / (1 + exp(−x)) of every number of an array of any shape.

    The lstm cell computes its gates as ½·tanh(½·x) + ½, the same function: the two differ by
    rounding, about 1e-16 at most.
    """
    with np.errstate(over="ignore"):  # exp(800) is inf, and 1/inf is the right 0
        s: Array = 1.0 / (1.0 + np.exp(-numbers("x", x)))
    return s
