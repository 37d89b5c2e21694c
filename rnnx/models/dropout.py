"""Dropout (Srivastava et al. 2014): which of a layer's outputs a training step leaves out."""

from __future__ import annotations

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.scratch import Scratch

BITS = (1, 8, 16)
"""Random bits for a number: as few as tell ``dropout`` exactly, else 16, which tell it to 2⁻¹⁶."""


def kept(dropout: float, h: Array, rng: np.random.Generator, scratch: Scratch) -> Array:
    """(T, n_a, B) as ``h`` lies in memory: 0 where dropout strikes, else 1 / (1 − dropout).

    The draws go unit by unit, then step by step, however ``h`` lies: they are a function of the
    generator alone.
    """
    T, n_a, B = h.shape
    drawn = _survivors(dropout, h.size, rng).reshape(n_a, T, B).transpose(1, 0, 2)
    mask = scratch.like("kept", h)
    np.multiply(drawn, h.dtype.type(1 / (1 - dropout)), out=mask)
    return mask


def _survivors(dropout: float, count: int, rng: np.random.Generator) -> Array:
    """(count,) bool, each True with probability 1 − dropout."""
    bits = next((bits for bits in BITS if (dropout * 2**bits).is_integer()), BITS[-1])
    raw = rng.bit_generator.random_raw(-(-count * bits // 64))
    if bits == 1:
        return np.unpackbits(raw.view(np.uint8))[:count].view(bool)
    drawn = raw.view(np.uint8 if bits == 8 else np.uint16)
    survivors: Array = drawn[:count] >= round(dropout * 2**bits)
    return survivors
