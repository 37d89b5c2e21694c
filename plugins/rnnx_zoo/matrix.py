"""Memories that are a matrix for each head and column: the layout of their loops.

A state of the contract has B last. In the loop B is first, so that each column's matrix is in one
piece of memory: (T, B, heads, d, d), with d = n_a / heads, and vectors (T, B, heads, d).
"""

from __future__ import annotations

import numpy as np

from rnnx.arrays import Array


def by_column(steps: Array, heads: int) -> Array:
    """(T, n_a, B) → (T, B, heads, d), a copy in order."""
    T, n_a, B = steps.shape
    return np.array(steps.reshape(T, heads, n_a // heads, B).transpose(0, 3, 1, 2), order="C")


def by_unit(vectors: Array, out: Array) -> Array:
    """(T, B, heads, d) → ``out`` (T, n_a, B)."""
    T, B = vectors.shape[:2]
    np.copyto(out, vectors.reshape(T, B, -1).transpose(0, 2, 1))
    return out


def heads_first(steps: Array, heads: int) -> Array:
    """(T, n_a, B) → (B, heads, T, d), a copy in order."""
    T, n_a, B = steps.shape
    return np.array(steps.reshape(T, heads, n_a // heads, B).transpose(3, 1, 0, 2), order="C")


def by_step(vectors: Array, out: Array) -> Array:
    """(B, heads, T, d) → ``out`` (T, n_a, B)."""
    B, heads, T, d = vectors.shape
    np.copyto(out.reshape(T, heads, d, B), vectors.transpose(2, 1, 3, 0))
    return out


def column_first(state: Array) -> Array:
    """(…, B) → (B, …)."""
    return np.moveaxis(state, -1, 0)


def column_last(state: Array) -> Array:
    """(B, …) → (…, B), a copy in order."""
    return np.ascontiguousarray(np.moveaxis(state, 0, -1))


def at_the_end(steps: Array, lengths: Array | None) -> Array:
    """(T + 1, B, …), the initial state first → (…, B) after each column's last step."""
    T, B = len(steps) - 1, steps.shape[1]
    return column_last(steps[T if lengths is None else lengths, np.arange(B)])


def row_times(vector: Array, matrix: Array) -> Array:
    """vᵀ·M: (B, heads, d), (B, heads, d, d) → (B, heads, d)."""
    product: Array = np.matmul(vector[..., None, :], matrix)[..., 0, :]
    return product


def times_column(matrix: Array, vector: Array) -> Array:
    """M·v."""
    product: Array = np.matmul(matrix, vector[..., None])[..., 0]
    return product


def dot(a: Array, b: Array) -> Array:
    """Σ a ⊙ b over d: (…, d), (…, d) → (…)."""
    product: Array = np.einsum("...d,...d->...", a, b)
    return product


def add_outer(matrix: Array, k: Array, v: Array, spare: Array) -> None:
    """M += k·vᵀ; ``spare`` is a buffer as M."""
    matrix += np.multiply(k[..., :, None], v[..., None, :], out=spare)
