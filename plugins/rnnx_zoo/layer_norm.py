"""Layer normalisation without gain and shift: N(a) = (a − mean a) / √(var a + ε) over the rows."""

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


def normalize_back(d: Array, a: Array) -> Array:
    """The gradient by a (…, n, B) from d, that by N(a)."""
    a_hat = a.copy()
    return through_norm(d, a_hat, normalize(a_hat))


def through_norm(d: Array, a_hat: Array, inverse: Array) -> Array:
    """The same where N(a) and 1/√(var + ε) are known."""
    mean = d.mean(axis=-2, keepdims=True)
    found: Array = inverse * (d - mean - a_hat * (d * a_hat).mean(axis=-2, keepdims=True))
    return found
