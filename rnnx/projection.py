"""The input's way into a cell, for all steps at once: z = Wx·x + b, and back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rnnx.contracts import Array, Params
from rnnx.padding import clean, is_padded, mask
from rnnx.scratch import Scratch

FEW = 8  # ids up to which gathering rows is faster than choosing columns


def project(W: Array, b: Array, x: Array, lengths: Array | None, scratch: Scratch) -> Array:
    """``W @ x[t] + b`` for every t: (T, n, B).

    ``W`` is (n, n_x), ``b`` (n, 1), x dense (T, n_x, B) or ids (T, B). For ids the product is a
    choice of columns of W + b, with b alone for id −1; it comes as a view whose steps are strided
    rows, which costs the addition in the time loop less than a transposing copy would.
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
    wrapped = np.where(x < 0, n_x, x).ravel()
    flat = scratch.array("z_x", (n, T * B), W.dtype)
    np.take(columns, wrapped, axis=1, out=flat, mode="clip")
    return flat.reshape(n, T, B).transpose(1, 0, 2)


def project_each(W: Array, b: Array) -> Callable[[Array], Array]:
    """``W @ x + b`` of one step's ids (B,) or dense x (n_x, B): (n, B), the weights prepared once.

    The symbols' columns of W + b are kept as rows too, so that a few ids read contiguous memory.
    """
    columns = np.concatenate([W + b, b], axis=1)  # id −1 is the last, the zero vector
    rows = columns.T.copy()

    def one(x: Array) -> Array:
        if x.ndim == 1:
            return rows[x].T if len(x) < FEW else columns[:, x]
        z: Array = W @ x
        z += b
        return z

    return one


def project_back(
    W: Array, dz: Array, x: Array, lengths: Array | None, scratch: Scratch
) -> tuple[Array, Array, Array | None, Array]:
    """``dWx, db, dx, dz_flat`` from dz (T, n, B), which is 0 beyond the lengths.

    dWx = Σ_t dz[t] @ x[t].T is one product over all steps and columns, (n, T·B) @ (T·B, n_x), for
    which dz is laid out flat once; the cell forms its recurrent gradient from the same dz_flat.
    """
    n, n_x = W.shape
    T, _, B = dz.shape
    dz_flat = flat(dz, "dz_flat", scratch)
    x = clean(x, lengths)
    rows = scratch.array("x_rows", (T * B, n_x), W.dtype)
    if x.ndim == 3:
        np.copyto(rows.reshape(T, B, n_x), x.transpose(0, 2, 1))
        dx: Array | None = np.matmul(W.T, dz, out=scratch.array("dx", (T, n_x, B), W.dtype))
    else:
        rows.fill(0)
        tokens = x.ravel()
        valid = np.flatnonzero(tokens >= 0)
        rows[valid, tokens[valid]] = 1
        dx = None
    dWx = np.matmul(dz_flat, rows, out=scratch.array("dWx", (n, n_x), W.dtype))
    db = np.sum(dz_flat, axis=1, keepdims=True, out=scratch.array("db", (n, 1), W.dtype))
    return dWx, db, dx, dz_flat


def flat(steps: Array, name: str, scratch: Scratch) -> Array:
    """(T, n, B) → a (n, T·B) copy, the layout of one product over all steps."""
    T, n, B = steps.shape
    out = scratch.array(name, (n, T * B), steps.dtype)
    np.copyto(out.reshape(n, T, B), steps.transpose(1, 0, 2))
    return out


def recurrent_gradient(
    dz_flat: Array, h_before: Array, scratch: Scratch, name: str = "dWh"
) -> Array:
    """Σ_t dz[t] @ h_before[t].T as one product: (n, n_a)."""
    h_flat = flat(h_before, "h_flat", scratch)
    out = scratch.array(name, (len(dz_flat), len(h_flat)), dz_flat.dtype)
    return np.matmul(dz_flat, h_flat.T, out=out)


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
