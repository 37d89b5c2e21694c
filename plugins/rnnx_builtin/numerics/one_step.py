"""A cell's products for one step at a time, with the weights prepared once, for generation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.buffers import Scratch

ROWS_MAX = 8  # ids; below, gathering rows is faster than gathering columns


def step_projection(W: Array, b: Array) -> Callable[[Array], Array]:
    """A function of one step's ids (B,) or dense x (n_x, B): ``W @ x + b``, (n, B).

    Its result is valid until the next call and may be written to. The symbols' columns of W + b are
    kept as rows too, so that a few ids read contiguous memory.
    """
    n_x = W.shape[1]
    columns = np.concatenate([W + b, b], axis=1)  # id −1 is the last, the zero vector
    rows = columns.T.copy()
    scratch = Scratch()

    def one(x: Array) -> Array:
        if x.ndim == 1:
            if len(x) < ROWS_MAX:
                return rows[x].T
            # Not columns[:, x]: its memory is transposed, and adding it takes four times as long.
            out = scratch.array("z", (len(W), len(x)), columns.dtype)
            return np.take(columns, np.where(x < 0, n_x, x), axis=1, out=out, mode="clip")
        z: Array = W @ x
        z += b
        return z

    return one


def step_sums(Wx: Array, Wh: Array, b: Array, scratch: Scratch) -> Callable[[Array, Array], Array]:
    """A function of one step's x and h (n_a, B): ``Wx @ x + Wh @ h + b``, (n, B).

    Its result is valid until the next call. For ids of a small vocabulary and many columns it is
    one product: to multiply with a one-hot row is cheaper than to gather a column and add it.
    """
    (n, n_x), n_a = Wx.shape, Wh.shape[1]
    project_one, both = step_projection(Wx, b), np.concatenate([Wh, Wx + b, b], axis=1)

    def sums(x: Array, h: Array) -> Array:
        B = h.shape[1]
        out = scratch.array("sums", (n, B), both.dtype)
        if x.ndim == 1 and B >= ROWS_MAX and 2 * n_x <= n_a:
            right = scratch.array("h_and_x", (n_a + n_x + 1, B), both.dtype)
            right[:n_a] = h
            right[n_a:] = 0
            right[n_a:][x, np.arange(B)] = 1  # id −1 is the last row, the zero vector
            return np.matmul(both, right, out=out)
        np.matmul(Wh, h, out=out)
        out += project_one(x)
        return out

    return sums
