"""Dropout of every standard kind: which numbers a training step leaves out.

    output       y⟨t⟩ = m⟨t⟩ ⊙ h⟨t⟩        a mask for each step           (Zaremba et al. 2014)
    variational  y⟨t⟩ = m ⊙ h⟨t⟩           one mask for all steps of a batch (Gal, Ghahramani 2016)
    weights      Wh ← M ⊙ Wh               one mask for all steps of a batch (Merity et al. 2018)
    input        x⟨t⟩ = −1, the zero vector, for some symbols

A mask holds 0 with probability p, else 1 / (1 − p), so that its expectation is 1: evaluation and
sampling leave it out. :mod:`rnnx.models.zoneout` is the other kind.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rnnx.arrays import Array, Params
from rnnx.config.settings import DropoutKind
from rnnx.contracts.buffers import Scratch

BITS = (1, 8, 16)
"""Random bits for each mask value: as few as express ``dropout`` exactly, else 16 (to 2⁻¹⁶)."""


class Dropout(NamedTuple):
    """The probabilities of a network."""

    outputs: float = 0.0
    kind: DropoutKind = DropoutKind.output
    weights: float = 0.0
    zoneout: tuple[float, float] = (0.0, 0.0)
    """Of h and of the memory."""


def output_mask(how: Dropout, h: Array, rng: np.random.Generator, scratch: Scratch) -> Array:
    """The mask of a layer's h (T, n_a, B): of its shape, or (1, n_a, B) for all steps."""
    steps = h if how.kind is DropoutKind.output else h[:1]
    return dropout_mask(how.outputs, steps, rng, scratch)


def dropout_mask(dropout: float, h: Array, rng: np.random.Generator, scratch: Scratch) -> Array:
    """(T, n_a, B), strides as ``h``'s: 0 with probability ``dropout``, else 1 / (1 − dropout).

    The draws go unit by unit, then step by step, whatever the strides of ``h``, so they depend on
    the generator alone (Srivastava et al. 2014).
    """
    T, n_a, B = h.shape
    survives = survivors(dropout, h.size, rng).reshape(n_a, T, B).transpose(1, 0, 2)
    mask = scratch.like("dropout_mask", h)
    np.multiply(survives, h.dtype.type(1 / (1 - dropout)), out=mask)
    return mask


def weight_masks(
    dropout: float, params: Params, names: tuple[str, ...], rng: np.random.Generator
) -> Params:
    """A mask for each of the parameters ``names``."""
    return {
        name: survivors(dropout, array.size, rng).reshape(array.shape)
        * array.dtype.type(1 / (1 - dropout))
        for name, array in params.items()
        if name in names
    }


def masked(params: Params, masks: Params) -> Params:
    """``params`` with those that have a mask multiplied by it: weights, or their gradients."""
    return {**params, **{name: params[name] * mask for name, mask in masks.items()}}


def hide(share: float, x: Array, rng: np.random.Generator) -> Array:
    """(T, B) ids, each with the probability ``share`` replaced by −1, the zero vector."""
    return np.where(survivors(share, x.size, rng).reshape(x.shape), x, -1)


def survivors(dropout: float, count: int, rng: np.random.Generator) -> Array:
    """(count,) bool, each True with probability 1 − dropout."""
    bits = next((bits for bits in BITS if (dropout * 2**bits).is_integer()), BITS[-1])
    raw = rng.bit_generator.random_raw(-(-count * bits // 64))
    if bits == 1:
        return np.unpackbits(raw.view(np.uint8))[:count].view(bool)
    drawn = raw.view(np.uint8 if bits == 8 else np.uint16)
    found: Array = drawn[:count] >= round(dropout * 2**bits)
    return found
