"""The way into a network whose block works on vectors of its own width: x⟨t⟩ → We·x⟨t⟩.

    We (d, n_x); for ids its columns are the symbols' vectors (an embedding), and id −1 is the zero
    vector

We begins N(0, 1), as embeddings usually do, and N(0, 1/n_x) where the input has floats: the
residual stream then has the scale of what a norm gives to the branches beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Scratch

PART = "entry"
"""The name of its parameters in a network's."""


def init(
    rng: np.random.Generator, n_x: int, width: int, dtype: npt.DTypeLike, has_floats: bool
) -> Params:
    """Fresh parameters for inputs of n_x features or symbols."""
    scale = 1 / math.sqrt(n_x) if has_floats else 1.0
    return {"We": (scale * rng.standard_normal((width, n_x))).astype(dtype)}


def forward(params: Params, x: Array, scratch: Scratch) -> Array:
    """ids (T, B) or floats (T, n_x, B) → vectors (T, d, B), a view with the features outermost."""
    We = params["We"]
    if x.ndim == 3:
        vectors: Array = np.matmul(We, x)
        return vectors
    ids, (T, B), (d, n_x) = x, x.shape, We.shape
    table = scratch.array("table", (d, n_x + 1), We.dtype)
    table[:, :n_x] = We
    table[:, n_x] = 0  # id −1
    flat = scratch.array("vectors", (d, T * B), We.dtype)
    np.take(table, np.where(ids < 0, n_x, ids).ravel(), axis=1, out=flat, mode="raise")
    return flat.reshape(d, T, B).transpose(1, 0, 2)


def backward(params: Params, x: Array, dx: Array, scratch: Scratch) -> Params:
    """The gradient of We for that by the vectors, dx (T, d, B).

    For ids that is, for each symbol, the sum of dx over its places.
    """
    We = params["We"]
    if x.ndim == 3:
        return {"We": np.tensordot(dx, x, ((0, 2), (0, 2)))}
    dWe = scratch.array("dWe", We.shape, We.dtype)
    dWe.fill(0)
    flat = x.ravel()
    order = np.argsort(flat, kind="stable")
    order = order[np.searchsorted(flat[order], 0) :]  # without id −1
    if len(order):
        symbols, starts = np.unique(flat[order], return_index=True)
        rows = dx.transpose(0, 2, 1).reshape(len(flat), -1)[order]
        dWe[:, symbols] = np.add.reduceat(rows, starts, axis=0).T
    return {"We": dWe}


def stream(params: Params) -> Callable[[Array], Array]:
    """A function of one step's ids (B,) or floats (n_x, B) → vectors (d, B) of its own."""
    We = params["We"]
    table = np.concatenate([We, np.zeros((len(We), 1), We.dtype)], axis=1)
    # Id −1 is the last column.
    return lambda x: We @ x if x.ndim == 2 else np.take(table, x, axis=1)
