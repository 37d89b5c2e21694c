"""A cell's products for one step at a time, with the weights prepared once: how text is written."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.buffers import Scratch

FEW = 8  # ids up to which gathering rows is faster than choosing columns


def project_each(W: Array, b: Array) -> Callable[[Array], Array]:
    """``W @ x + b`` of one step's ids (B,) or dense x (n_x, B): (n, B), the weights prepared once.

    The symbols' columns of W + b are kept as rows too, so that a few ids read contiguous memory.
    What comes back lasts until the next call.
    """
    n_x = W.shape[1]
    columns = np.concatenate([W + b, b], axis=1)  # id −1 is the last, the zero vector
    rows = columns.T.copy()
    scratch = Scratch()

    def one(x: Array) -> Array:
        if x.ndim == 1:
            if len(x) < FEW:
                return rows[x].T
            # Not columns[:, x]: that lies transposed, and adding it takes four times as long.
            out = scratch.array("z", (len(W), len(x)), columns.dtype)
            return np.take(columns, np.where(x < 0, n_x, x), axis=1, out=out, mode="clip")
        z: Array = W @ x
        z += b
        return z

    return one


def sums_each(Wx: Array, Wh: Array, b: Array, scratch: Scratch) -> Callable[[Array, Array], Array]:
    """``Wx @ x + Wh @ h + b`` of one step's x and h (n_a, B): (n, B), until the next call.

    For ids of a small vocabulary and many columns all of it is one product: a one-hot row is
    cheaper to multiply with than a column is to choose and add.
    """
    (n, n_x), n_a = Wx.shape, Wh.shape[1]
    project_one, both = project_each(Wx, b), np.concatenate([Wh, Wx + b, b], axis=1)

    def sums(x: Array, h: Array) -> Array:
        B = h.shape[1]
        out = scratch.array("sums", (n, B), both.dtype)
        if x.ndim == 1 and B >= FEW and 2 * n_x <= n_a:
            right = scratch.array("h_and_x", (n_a + n_x + 1, B), both.dtype)
            right[:n_a] = h
            right[n_a:] = 0
            right[n_a:][x, np.arange(B)] = 1  # id −1 is the last row, the zero vector
            return np.matmul(both, right, out=out)
        np.matmul(Wh, h, out=out)
        out += project_one(x)
        return out

    return sums
