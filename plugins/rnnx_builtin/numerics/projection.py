"""The input's way into a cell, for all steps at once: z = Wx·x + b, and its gradient back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from rnnx.arrays import Array, Params
from rnnx.contracts.scratch import Scratch
from rnnx.padding import clean, is_padded, mask
from rnnx_builtin.numerics.tiles import fits

FEW = 8  # ids up to which gathering rows is faster than choosing columns


class Steps(Protocol):
    """Something that gives (n, B) for step t: a (T, n, B) array, or what makes one when asked."""

    def __getitem__(self, t: int, /) -> Array: ...


class Columns:
    """The chosen columns of a table, gathered when a step asks for them, into one buffer."""

    def __init__(self, table: Array, ids: Array, out: Array) -> None:
        self._table, self._ids, self._out = table, ids, out  # (n, m), (T, B), (n, B)

    def __getitem__(self, t: int) -> Array:
        # clip: the ids are checked, and a buffer is only written in place where none can raise.
        return np.take(self._table, self._ids[t], axis=1, out=self._out, mode="clip")


def project(W: Array, b: Array, x: Array, lengths: Array | None, scratch: Scratch) -> Steps:
    """``W @ x[t] + b`` for every t, (n, B) each.

    ``W`` is (n, n_x), ``b`` (n, 1), x dense (T, n_x, B) or ids (T, B). For ids the product is a
    choice of columns of W + b, with b alone for id −1. A short sequence is gathered at once and
    stays in the cache; a long one step by step, so that the sum finds it there.
    """
    n, n_x = W.shape
    x = clean(x, lengths)
    if x.ndim == 3:
        T, _, B = x.shape
        z = np.matmul(W, x, out=scratch.array("z_x", (T, n, B), W.dtype))
        z += b
        return z
    T, B = x.shape
    columns = scratch.array("Wx_columns", (n, n_x + 1), W.dtype)
    np.add(W, b, out=columns[:, :n_x])
    columns[:, n_x:] = b  # id −1, the zero vector
    wrapped = np.where(x < 0, n_x, x)
    if not fits(T * B * n * W.itemsize):
        return Columns(columns, wrapped, scratch.array("z_t", (n, B), W.dtype))
    flat = scratch.array("z_x", (n, T * B), W.dtype)
    np.take(columns, wrapped.ravel(), axis=1, out=flat, mode="clip")
    return flat.reshape(n, T, B).transpose(1, 0, 2)


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


def input_gradient(W: Array, dz: Array, x: Array, scratch: Scratch) -> Array | None:
    """``dx[t] = W.T @ dz[t]``, (T, n_x, B); None for ids."""
    if x.ndim == 2:
        return None
    T, _, B = dz.shape
    return np.matmul(W.T, dz, out=scratch.array("dx", (T, W.shape[1], B), W.dtype))


def flat(steps: Array, name: str, scratch: Scratch) -> Array:
    """(T, n, B) → a (n, T·B) copy, the layout of one product over all steps."""
    T, n, B = steps.shape
    out = scratch.array(name, (n, T * B), steps.dtype)
    np.copyto(out.reshape(n, T, B), steps.transpose(1, 0, 2))
    return out


def masked(steps: Array, lengths: Array | None, name: str, scratch: Scratch) -> Array:
    """(T, n, B) with zeros beyond the lengths: a copy, or ``steps`` where nothing is padded."""
    if lengths is None or not is_padded(lengths, len(steps)):
        return steps
    out = scratch.array(name, steps.shape, steps.dtype)
    valid = mask(lengths, len(steps))[:, None]
    np.copyto(out, steps)
    np.copyto(out, 0, where=~valid)  # not a product: 0 · NaN is NaN
    return out


def begin(state: Array, name: str, T: int, scratch: Scratch, like: Params) -> Array:
    """A (T + 1, n_a, B) buffer whose step 0 is the initial state, for states 1 … T to fill."""
    dtype = next(iter(like.values())).dtype
    steps = scratch.array(name, (T + 1, *state.shape), dtype)
    steps[0] = state
    return steps
