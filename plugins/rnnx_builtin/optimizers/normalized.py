"""Descent along a gradient that is divided by the root of its squares."""

from __future__ import annotations

import numpy as np

from rnnx.arrays import Array


def descend_normalized(
    p: Array, g: Array, s: Array, rate: float, epsilon: float, buffer: Array
) -> None:
    """p ← p − rate·g / (√s + ε), in place; ``buffer`` has p's shape and is overwritten."""
    root = np.sqrt(s, out=buffer)
    root += epsilon
    move = np.divide(g, root, out=buffer)
    move *= rate
    p -= move
