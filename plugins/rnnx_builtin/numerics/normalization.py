"""Norms over the features of each step, and their backward passes.

    RMS    x̂ = x / √(mean x² + ε)                     (Zhang and Sennrich 2019)
    layer  x̂ = (x − mean x) / √(var x + ε)             (Ba, Kiros and Hinton 2016)
    y = g ⊙ x̂

    dx̂ = g ⊙ dy,   dx = (dx̂ − [mean dx̂] − x̂ · mean(dx̂ ⊙ x̂)) / √…,   dg = Σ dy ⊙ x̂

The term in brackets is the layer norm's alone. With groups the means are over each group of
features, as a group norm's by head. g (n, 1); there is no shift.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rnnx.arrays import Array

EPSILON = 1e-6


class NormCache(NamedTuple):
    x_hat: Array  # (T, groups, n / groups, B)
    inverse: Array  # (T, groups, 1, B), 1 / √…
    centred: bool


def normalize(g: Array, x: Array, centred: bool, groups: int = 1) -> tuple[Array, NormCache]:
    """y (T, n, B) of x (T, n, B), and a cache."""
    T, n, B = x.shape
    parts = x.reshape(T, groups, n // groups, B)
    if centred:
        parts = parts - parts.mean(axis=2, keepdims=True)
    inverse = 1 / np.sqrt(np.square(parts).mean(axis=2, keepdims=True) + x.dtype.type(EPSILON))
    x_hat = parts * inverse
    return g * x_hat.reshape(T, n, B), NormCache(x_hat, inverse, centred)


def normalize_back(g: Array, cache: NormCache, dy: Array) -> tuple[Array, Array]:
    """``dg, dx``."""
    x_hat, inverse, centred = cache
    dx_hat = (g * dy).reshape(x_hat.shape)
    dg = np.sum(dy * x_hat.reshape(dy.shape), axis=(0, 2))[:, None]
    dx = dx_hat - x_hat * (dx_hat * x_hat).mean(axis=2, keepdims=True)
    if centred:
        dx -= dx_hat.mean(axis=2, keepdims=True)
    dx *= inverse
    return dg, dx.reshape(dy.shape)
