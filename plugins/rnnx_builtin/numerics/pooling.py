"""One vector for a whole sequence: the last valid step of h, or its mean or maximum over time.

last   pooled = h⟨length⟩            dh⟨length⟩ = d
mean   pooled = Σ_t h⟨t⟩ / length    dh⟨t⟩ = d / length
max    pooled = max_t h⟨t⟩           dh⟨t⟩ = d where t is the first step with the maximum
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.buffers import Scratch
from rnnx.padding import is_padded, mask


class Pooling(Enum):
    """Where the prediction of a whole sequence is read from: its last step, mean or maximum."""

    last = "last"
    mean = "mean"
    max = "max"


class PoolCache(NamedTuple):
    shape: tuple[int, int, int]  # T, n_a, B
    valid: Array  # (B,) lengths, at least 1
    places: Array | None  # (n_a, B) the steps of the maxima


def pool(h: Array, lengths: Array | None, how: Pooling) -> tuple[Array, PoolCache]:
    """h (T, n_a, B) → (n_a, B), and what :func:`unpool` needs. Lengths are at least 1."""
    T, _, B = h.shape
    valid = np.full(B, T) if lengths is None else lengths
    if how is Pooling.last:
        pooled = np.ascontiguousarray(h[valid - 1, :, np.arange(B)].T)
        return pooled, PoolCache(h.shape, valid, None)
    inside = None
    if lengths is not None and is_padded(lengths, T):
        inside = mask(lengths, T)[:, None]
    if how is Pooling.mean:
        whole = h if inside is None else np.where(inside, h, 0)
        pooled = np.add.reduce(whole, axis=0) / valid.astype(h.dtype)
        return pooled, PoolCache(h.shape, valid, None)
    places = np.argmax(h if inside is None else np.where(inside, h, -np.inf), axis=0)
    pooled = np.take_along_axis(h, places[None], axis=0)[0]
    return pooled, PoolCache(h.shape, valid, places)


def unpool(d: Array, cache: PoolCache, how: Pooling, scratch: Scratch) -> Array:
    """The gradient by h (T, n_a, B) from d (n_a, B), that by what was pooled."""
    T, _, B = cache.shape
    dh = scratch.array("dh_pooled", cache.shape, d.dtype)
    if how is Pooling.mean:
        np.copyto(dh, d / cache.valid.astype(d.dtype))
        np.copyto(dh, 0, where=~mask(cache.valid, T)[:, None])
        return dh
    dh.fill(0)
    if cache.places is None:
        dh[cache.valid - 1, :, np.arange(B)] = d.T
    else:
        np.put_along_axis(dh, cache.places[None], d[None], axis=0)
    return dh
