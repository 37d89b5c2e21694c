"""Memories that are a matrix for each head and column: their layout, and the gradient by h.

A state of the contract has B last. In the cells B is first, so that each column's matrix is in one
piece of memory: (B, heads, d, d), with d = n_a / heads, and vectors of all steps (B, heads, T, d).
"""

from __future__ import annotations

import numpy as np

from rnnx.arrays import Array, State
from rnnx.contracts.buffers import Scratch
from rnnx.padding import FinalGradient
from rnnx_builtin.numerics.whole_sequence import zero_padding


def heads_first(steps: Array, heads: int, ones: int = 0) -> Array:
    """(T, n_a, B) → (B, heads, T, d + ones), a copy; the last numbers of each vector are 1."""
    T, n_a, B = steps.shape
    d = n_a // heads
    out = np.empty((B, heads, T, d + ones), steps.dtype)
    out[..., :d] = steps.reshape(T, heads, d, B).transpose(3, 1, 0, 2)
    out[..., d:] = 1
    return out


def by_step(vectors: Array, out: Array) -> Array:
    """(B, heads, T, d) → ``out`` (T, n_a, B)."""
    B, heads, T, d = vectors.shape
    np.copyto(out.reshape(T, heads, d, B), vectors.transpose(2, 1, 3, 0))
    return out


def column_first(state: Array) -> Array:
    """(…, B) → (B, …), in order: the same sums for a state from a file as for one made here."""
    return np.ascontiguousarray(np.moveaxis(state, -1, 0))


def column_last(state: Array) -> Array:
    """(B, …) → (…, B), a view: ``column_first`` need not copy what it gives."""
    return np.moveaxis(state, 0, -1)


def dot(a: Array, b: Array) -> Array:
    """Σ a ⊙ b over d: (…, d), (…, d) → (…)."""
    product: Array = np.einsum("...d,...d->...", a, b)
    return product


def gradients_by_h(
    dh: Array, dstate: State | None, lengths: Array | None, scratch: Scratch
) -> tuple[Array, Array]:
    """Those by h of each step (T, n_a, B), that of the final h in it, and by the initial h.

    Where h has no say in the next step, the initial h counts for columns of length 0 alone.
    """
    T = len(dh)
    ends = FinalGradient(None if dstate is None else dstate[:1], lengths, T)
    by_h = np.array(zero_padding(dh, lengths, "dh", scratch))
    for t in range(T):
        if (final := ends.at(t)) is not None:
            by_h[t] += final[0]
    start = ends.at(-1)
    return by_h, np.zeros(dh.shape[1:], dh.dtype) if start is None else start[0]
