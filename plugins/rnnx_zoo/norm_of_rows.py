"""The norm of a layer over its rows, and the gradient through it (Ba, Kiros and Hinton 2016)."""

from __future__ import annotations

import numpy as np

from rnnx.arrays import Array

EPSILON = 1e-5


def normalize(a: Array) -> Array:
    """a (…, n, B) ← N(a) in place; returns 1/√(var + ε) (…, 1, B)."""
    a -= a.mean(axis=-2, keepdims=True)
    inverse: Array = 1 / np.sqrt(np.square(a).mean(axis=-2, keepdims=True) + EPSILON)
    a *= inverse
    return inverse


def through_norm(d: Array, a_hat: Array, inverse: Array) -> Array:
    """The gradient by a (…, n, B) from d, that by N(a) = ``a_hat``; ``inverse`` is 1/√(var + ε)."""
    mean = d.mean(axis=-2, keepdims=True)
    found: Array = inverse * (d - mean - a_hat * (d * a_hat).mean(axis=-2, keepdims=True))
    return found
