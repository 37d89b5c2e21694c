"""What the kernels of all cells share: a sequence's ids and states on their way in and out.

Steps are (rows, padded columns) and contiguous; what is kept for the weights' gradients is flat,
(n, T·B), with a row stride that is an odd number of cache lines: rows a power of two apart would
all compete for the same few places of a cache.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnnx.contracts import Array
from rnnx.padding import is_padded, mask
from rnnx.scratch import Scratch
from rnnx_builtin.kernels.compiling import inline, kernel
from rnnx_builtin.kernels.lanes import load, store
from rnnx_builtin.kernels.product import lanes_of

LINE = 64  # bytes of a cache line


class Input(NamedTuple):
    """x as columns that every step chooses from."""

    columns: Array  # (n, ·): Wx·x + b of every symbol (the last: of none), or of every t and b
    ids: Array  # (T, B) uint32: which column
    x_flat: Array | None  # (n_x, T·B) where x is dense


def flat_buffer(name: str, n: int, columns: int, dtype: Any, scratch: Scratch) -> Array:
    """(n, at least ``columns``): an odd number of cache lines a row."""
    line = LINE // np.dtype(dtype).itemsize
    lines = -(-columns // line)
    return scratch.array(name, (n, (lines + 1 - lines % 2) * line), dtype)


def steps_of(flat: Array, T: int, B: int) -> Array:
    """(n, ≥ T·B) → its (T, n, B) view."""
    return flat[:, : T * B].reshape(len(flat), T, B).transpose(1, 0, 2)


def flat_of(steps: Array, name: str, scratch: Scratch) -> Array:
    """(T, n, B) → (n, T·B): the memory itself where it lies so, else a copy."""
    T, n, B = steps.shape
    per_t, row, item = steps.strides
    if item == steps.itemsize and per_t == B * item and row >= T * B * item:
        return steps.transpose(1, 0, 2).reshape(n, T * B)
    out = flat_buffer(name, n, T * B, steps.dtype, scratch)
    np.copyto(steps_of(out, T, B), steps)
    return out[:, : T * B]


def laid_out(dh: Array, scratch: Scratch) -> Array:
    """dh (T, n, B) as a view of a flat array, however it came: one kind for the compiler."""
    T, _, B = dh.shape
    return steps_of(flat_of(dh, "dh_flat", scratch), T, B)


def input_of(Wx: Array, b: Array, x: Array, lengths: Array | None, scratch: Scratch) -> Input:
    """Ids choose among Wx's columns; dense x is one product over all steps."""
    (n, n_x), (T, B) = Wx.shape, (len(x), x.shape[-1])
    ended = None
    if lengths is not None and is_padded(lengths, T):
        ended = ~mask(lengths, T)
    ids = scratch.array("ids", (T, B), np.uint32)
    if x.ndim == 2:
        columns = scratch.array("columns", (n, n_x + 1), Wx.dtype)
        prepare_columns(Wx, b, x, columns, ids)
        if ended is not None:
            np.copyto(ids, n_x, where=ended)
        return Input(columns, ids, None)
    x_flat = flat_of(x, "x_flat", scratch)
    if ended is not None:
        own = flat_buffer("x_valid", n_x, T * B, Wx.dtype, scratch)[:, : T * B]
        np.copyto(own, x_flat)
        own[:, ended.ravel()] = 0
        x_flat = own
    columns = np.matmul(Wx, x_flat, out=scratch.array("columns", (n, T * B), Wx.dtype))
    columns += b
    ids[...] = np.arange(T * B, dtype=np.uint32).reshape(T, B)
    return Input(columns, ids, x_flat)


def input_gradient(
    Wx: Array, given: Input, dz_flat: Array, scratch: Scratch
) -> tuple[Array, Array, Array | None]:
    """``dWx, db, dx`` from dz (n, ≥ T·B): ids add into their columns, dense x is a product."""
    (n, n_x), (T, B) = Wx.shape, given.ids.shape
    dWx = scratch.array("dWx", (n, n_x), Wx.dtype)
    db = scratch.array("db", (n, 1), Wx.dtype)
    if given.x_flat is None:
        d_columns = scratch.array("d_columns", (n, n_x + 1), Wx.dtype)
        add_into_columns(dz_flat, given.ids.reshape(T * B), d_columns, dWx, db)
        return dWx, db, None
    dz = dz_flat[:, : T * B]
    np.matmul(dz, given.x_flat.T, out=dWx)
    np.sum(dz, axis=1, keepdims=True, out=db)
    dx = flat_buffer("dx", n_x, T * B, Wx.dtype, scratch)
    np.matmul(Wx.T, dz, out=dx[:, : T * B])
    return dWx, db, steps_of(dx, T, B)


@kernel
def prepare_columns(Wx: Any, b: Any, x: Any, columns: Any, ids: Any) -> None:
    """The columns Wx + b, then b alone, and which of them each id of x means."""
    n, n_x = Wx.shape
    for r in range(n):
        for k in range(n_x):
            columns[r, k] = Wx[r, k] + b[r, 0]
        columns[r, n_x] = b[r, 0]
    for t in range(len(x)):
        for column in range(x.shape[1]):
            ids[t, column] = x[t, column] if x[t, column] >= 0 else n_x


@kernel
def add_into_columns(dz: Any, ids: Any, out: Any, dWx: Any, db: Any) -> None:
    """Σ of dz (n, ≥ T·B) by id, four rows at a time; db is the sum over all columns."""
    n, width = out.shape
    for r in range(n):
        for k in range(width):
            out[r, k] = 0
    r = 0
    while r + 4 <= n:
        for e in range(ids.size):
            k = ids[e]
            out[r, k] += dz[r, e]
            out[r + 1, k] += dz[r + 1, e]
            out[r + 2, k] += dz[r + 2, e]
            out[r + 3, k] += dz[r + 3, e]
        r += 4
    while r < n:
        for e in range(ids.size):
            out[r, ids[e]] += dz[r, e]
        r += 1
    for r in range(n):
        total = out[r, width - 1]
        for k in range(width - 1):
            dWx[r, k] = out[r, k]
            total += out[r, k]
        db[r, 0] = total


@inline
def add_columns(a: Any, columns: Any, ids: Any, blocks: int, n: int, n_p: int) -> None:
    """a[:, b] += columns[:, ids[b]], block by block, four rows for each look at an id."""
    for block in range(blocks):
        to, of, u = block * n_p, block * n, 0
        while u + 4 <= n:
            for b in range(ids.size):
                k = ids[b]
                a[to + u, b] += columns[of + u, k]
                a[to + u + 1, b] += columns[of + u + 1, k]
                a[to + u + 2, b] += columns[of + u + 2, k]
                a[to + u + 3, b] += columns[of + u + 3, k]
            u += 4
        while u < n:
            for b in range(ids.size):
                a[to + u, b] += columns[of + u, ids[b]]
            u += 1


@inline
def take_in(state: Any, step: Any) -> None:
    """A state (n, B) into a step's padded array, 0 elsewhere."""
    n, B = state.shape
    for u in range(step.shape[0]):
        for b in range(step.shape[1]):
            step[u, b] = state[u, b] if u < n and b < B else 0


@inline
def take_out(step: Any, state: Any) -> None:
    """A step's array without its padding."""
    n, B = state.shape
    for u in range(n):
        for b in range(B):
            state[u, b] = step[u, b]


@inline
def spread(step: Any, flat: Any, blocks: int, n: int, n_p: int, start: int, B: int) -> None:
    """B columns of the flat array from ``start`` on: a step's, without its padding."""
    lanes, row = lanes_of(step), flat.shape[1]
    if step.shape[1] == B and n == n_p and B % lanes == 0:
        for u in range(blocks * n):
            for b in range(0, B, lanes):
                store(flat, u * row + start + b, load(step, u * B + b))
        return
    for block in range(blocks):
        for u in range(n):
            for b in range(B):
                flat[block * n + u, start + b] = step[block * n_p + u, b]


@inline
def end_columns(step: Any, final: Any, ends: Any, t: int) -> None:
    """Keep a state where a column ends with step t, and hold it at 0 from there on."""
    n, B = final.shape
    for b in range(B):
        if ends[b] == t + 1:
            for u in range(n):
                final[u, b] = step[u, b]
        if ends[b] <= t:
            for u in range(n):
                step[u, b] = 0


@inline
def begin_final(state: Any, final: Any, ends: Any) -> None:
    """A column of length 0 keeps its initial state."""
    for b in range(final.shape[1]):
        if ends[b] == 0:
            for u in range(final.shape[0]):
                final[u, b] = state[u, b]


@inline
def enter_gradient(back: Any, d_final: Any, ends: Any, t: int) -> None:
    """What comes from a column's final state enters at its last step (t + 1 = its length)."""
    n, B = d_final.shape
    for b in range(B):
        if ends[b] == t + 1:
            for u in range(n):
                back[u, b] += d_final[u, b]


@inline
def add_outputs(dh: Any, back: Any, ends: Any, t: int, out: Any) -> None:
    """out = back + dh[t], and 0 where a column has ended."""
    _, n, B = dh.shape
    for u in range(n):
        for b in range(B):
            out[u, b] = back[u, b] + dh[t, u, b]
    for b in range(B):
        if ends[b] <= t:
            for u in range(n):
                out[u, b] = 0
