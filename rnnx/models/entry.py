"""The way into a network whose block works on vectors of its own width: x⟨t⟩ → We·x⟨t⟩.

    We (d, n_x); for ids its columns are the symbols' vectors (an embedding), and id −1 is the zero
    vector

We begins N(0, 1), as embeddings usually do: the residual stream then has the scale of what a norm
gives to the branches beside it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Scratch

PART = "entry"
"""The name of its parameters in a network's."""


def init(rng: np.random.Generator, n_x: int, width: int, dtype: npt.DTypeLike) -> Params:
    """Fresh parameters for inputs of n_x features or symbols."""
    return {"We": rng.standard_normal((width, n_x)).astype(dtype)}


def forward(params: Params, x: Array, scratch: Scratch) -> Array:
    """ids (T, B), or dense x (T, n_x, B) → vectors (T, d, B); of ids: features outermost."""
    We = params["We"]
    if x.ndim == 3:
        T, _, B = x.shape
        return np.matmul(We, x, out=scratch.array("vectors", (T, len(We), B), We.dtype))
    T, B = x.shape
    d, n_x = We.shape
    table = scratch.array("table", (d, n_x + 1), We.dtype)
    table[:, :n_x] = We
    table[:, n_x] = 0  # id −1
    flat = scratch.array("vectors", (d, T * B), We.dtype)
    np.take(table, np.where(x < 0, n_x, x).ravel(), axis=1, out=flat, mode="raise")
    return flat.reshape(d, T, B).transpose(1, 0, 2)


def backward(params: Params, x: Array, d_vectors: Array, scratch: Scratch) -> Params:
    """The gradient of We; of ids for each symbol the sum of d_vectors (T, d, B) over its places."""
    We = params["We"]
    dWe = scratch.array("dWe", We.shape, We.dtype)
    if x.ndim == 3:
        np.matmul(d_vectors, x.transpose(0, 2, 1)).sum(axis=0, out=dWe)
        return {"We": dWe}
    dWe.fill(0)
    flat = x.ravel()
    order = np.argsort(flat, kind="stable")
    order = order[np.searchsorted(flat[order], 0) :]  # without id −1
    if len(order):
        symbols, starts = np.unique(flat[order], return_index=True)
        rows = d_vectors.transpose(0, 2, 1).reshape(len(flat), -1)[order]
        dWe[:, symbols] = np.add.reduceat(rows, starts, axis=0).T
    return {"We": dWe}


def stream(params: Params) -> Callable[[Array], Array]:
    """A function of one step's ids (B,), or dense x (n_x, B) → new vectors (d, B)."""
    We = params["We"]
    table = np.concatenate([We, np.zeros((len(We), 1), We.dtype)], axis=1)
    # Id −1 is the last column.
    return lambda x: np.matmul(We, x) if x.ndim == 2 else np.take(table, x, axis=1)
