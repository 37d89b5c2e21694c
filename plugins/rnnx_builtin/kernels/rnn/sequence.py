"""What the kernels of all cells share: the layout of a sequence, its input, and its gradients.

Steps are (rows, padded columns) and contiguous. What the weights' gradients need is flat, (n, T·B),
with a row stride of an odd number of cache lines (``flat_buffer``).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.buffers import Scratch, flat_buffer
from rnnx.padding import is_padded, mask
from rnnx_builtin.kernels.rnn.columns import active_columns
from rnnx_builtin.kernels.simd.blas import matmul
from rnnx_builtin.kernels.simd.compiling import inline, kernel
from rnnx_builtin.kernels.simd.gemm import padded_columns
from rnnx_builtin.kernels.simd.work_queue import divide

ROWS_AT_ONCE = 16  # of Wx that a table is made of: a cache line of each of its rows
SHARED_SUM_MIN = 2**17  # numbers to add up; below, waking a thread takes longer than it saves


class Input(NamedTuple):
    """x as a table of rows and the row that each column reads at each step."""

    table: Array  # (·, ≥ n): Wx·x + b of every symbol, then b alone; or of every t and column
    ids: Array  # (T, B_p) uint32: which row
    ends: Array  # (B,): the lengths, T where there are none
    x_flat: Array | None  # (n_x, T·B) where x is dense


def steps_view(flat: Array, T: int, B: int) -> Array:
    """(n, ≥ T·B) → its (T, n, B) view."""
    return flat[:, : T * B].reshape(len(flat), T, B).transpose(1, 0, 2)


def is_flat(steps: Array) -> bool:
    """Whether (T, n, B) is a view of (n, ≥ T·B)."""
    (T, _, B), (per_t, row, item) = steps.shape, steps.strides
    return item == steps.itemsize and per_t == B * item and row >= T * B * item


def flatten(steps: Array, name: str, scratch: Scratch) -> Array:
    """(T, n, B) → (n, T·B): a view where the memory is laid out so, else a copy."""
    T, n, B = steps.shape
    if is_flat(steps):
        return steps.transpose(1, 0, 2).reshape(n, T * B)
    out = flat_buffer(name, n, T * B, steps.dtype, scratch)
    np.copyto(steps_view(out, T, B), steps)
    return out[:, : T * B]


def as_flat_steps(dh: Array, scratch: Scratch) -> Array:
    """dh (T, n, B) as a view of a flat array in any case, so that kernels compile for one type."""
    T, _, B = dh.shape
    return dh if is_flat(dh) else steps_view(flatten(dh, "dh_flat", scratch), T, B)


class States(NamedTuple):
    """The hidden states of a sequence."""

    flat: Array  # (n_a, ≥ (T + 1)·B), the initial state first: h⟨t−1⟩ of all steps
    h: Array  # (T, n_a, B), a view of it


def states_for(scratch: Scratch, n_a: int, T: int, B: int, dtype: Any) -> States:
    """The states' buffer for one size, to be kept in a plan."""
    flat = flat_buffer("h_flat", n_a, (T + 1) * B, dtype, scratch)
    return States(flat, steps_view(flat[:, B:], T, B))


def prepare_input(
    Wx: Array, b: Array, x: Array, lengths: Array | None, threads: int, scratch: Scratch
) -> Input:
    """Wx·x + b: for ids the columns of Wx become the table, dense x is one product of all steps."""
    (n, n_x), T, B, dtype = Wx.shape, len(x), x.shape[-1], Wx.dtype
    ends = scratch.plan(_whole, T, B) if lengths is None else lengths
    if x.ndim == 2:
        table, ids = scratch.plan(_table, n_x + 1, n, T, B, dtype)
        prepare_table(Wx, b, x, ends, table, ids)
        return Input(table, ids, ends, None)
    x_flat = flatten(x, "x_flat", scratch)
    if is_padded(ends, T):
        own = flat_buffer("x_valid", n_x, T * B, dtype, scratch)[:, : T * B]
        np.copyto(own, x_flat)
        own[:, ~mask(ends, T).ravel()] = 0
        x_flat = own
    table, ids = scratch.plan(_table, T * B, n, T, B, dtype)
    ids[...] = 0
    ids[:, :B] = np.arange(T * B, dtype=np.uint32).reshape(T, B)
    rows = table[:, :n]
    matmul(x_flat.T, Wx.T, rows, threads)
    rows += b.T
    return Input(table, ids, ends, x_flat)


def _whole(scratch: Scratch, T: int, B: int) -> Array:
    return np.full(B, T)


def _table(scratch: Scratch, rows: int, n: int, T: int, B: int, dtype: Any) -> tuple[Array, Array]:
    table = flat_buffer("table", rows, n, dtype, scratch)
    return table, scratch.array("ids", (T, padded_columns(B, dtype)), np.uint32)


def input_gradient(
    Wx: Array, x: Input, dz_flat: Array, threads: int, scratch: Scratch
) -> tuple[Array, Array, Array | None]:
    """``dWx, db, dx`` from dz (n, ≥ T·B): ids add into their columns, dense x is a product."""
    (n, n_x), T, B = Wx.shape, len(x.ids), len(x.ends)
    dWx, db = scratch.plan(_input_gradients, n, n_x, Wx.dtype)
    if x.x_flat is None:

        def rows(first: int, last: int) -> None:
            add_into_columns(dz_flat[first:last], x.ids, x.ends, dWx[first:last], db[first:last])

        divide(rows, n, threads if n * T * B >= SHARED_SUM_MIN else 1)
        return dWx, db, None
    dz = dz_flat[:, : T * B]
    matmul(dz, x.x_flat.T, dWx, threads)
    np.sum(dz, axis=1, keepdims=True, out=db)
    dx = flat_buffer("dx", n_x, T * B, Wx.dtype, scratch)
    matmul(Wx.T, dz, dx[:, : T * B], threads)
    return dWx, db, steps_view(dx, T, B)


def _input_gradients(scratch: Scratch, n: int, n_x: int, dtype: Any) -> tuple[Array, Array]:
    return scratch.array("dWx", (n, n_x), dtype), scratch.array("db", (n, 1), dtype)


@kernel
def prepare_table(Wx: Any, b: Any, x: Any, ends: Any, table: Any, ids: Any) -> None:
    """The columns of Wx + b as rows, then b alone; ids name the row, b's beyond a column's end."""
    (n, n_x), (T, B) = Wx.shape, x.shape
    is_read = np.full(n_x, n_x <= T * B)  # of many symbols only those that occur
    if n_x > T * B:
        for t in range(T):
            for column in range(B):
                if x[t, column] >= 0:
                    is_read[x[t, column]] = True
    for start in range(0, n, ROWS_AT_ONCE):
        stop = min(start + ROWS_AT_ONCE, n)
        for k in range(n_x):
            if is_read[k]:
                for r in range(start, stop):
                    table[k, r] = Wx[r, k] + b[r, 0]
    for r in range(n):
        table[n_x, r] = b[r, 0]
    for t in range(T):
        for column in range(ids.shape[1]):
            is_id = column < B and x[t, column] >= 0 and t < ends[column]
            ids[t, column] = x[t, column] if is_id else n_x


@kernel
def add_into_columns(dz: Any, ids: Any, ends: Any, dWx: Any, db: Any) -> None:
    """Σ of dz (n, ≥ T·B) by id (T, ≥ B), four rows at once; db is the sum over all columns.

    Of many symbols only those that occur are added up; the other columns are 0.
    """
    (n, n_x), T, B = dWx.shape, len(ids), len(ends)
    count, symbols, places = n_x, np.arange(n_x + 1), ids
    if n_x > T * B:
        symbols, places = _occurring(ids, n_x)
        count = len(symbols) - 1
    out = np.empty((4, count + 1), dz.dtype)
    for start in range(0, n, 4):
        rows = min(4, n - start)
        _add_by_place(dz[start:], places, ends, out, rows)
        for i in range(rows):
            total = out[i, count]
            for k in range(count):
                total += out[i, k]
            db[start + i, 0] = total
            if count < n_x:
                dWx[start + i, :] = 0
                for k in range(count):
                    dWx[start + i, symbols[k]] = out[i, k]
            else:
                for k in range(count):
                    dWx[start + i, k] = out[i, k]


@inline
def _add_by_place(dz: Any, places: Any, ends: Any, out: Any, rows: int) -> None:
    """The first ``rows`` rows of dz, each number added up at its place in ``out`` (4, ·)."""
    T, B = len(places), len(ends)
    for i in range(rows):
        for k in range(out.shape[1]):
            out[i, k] = 0
    if rows == 4:
        for t in range(T):
            for b in range(active_columns(ends, t)):  # beyond it dz is 0
                e, k = t * B + b, places[t, b]
                out[0, k] += dz[0, e]
                out[1, k] += dz[1, e]
                out[2, k] += dz[2, e]
                out[3, k] += dz[3, e]
    else:
        for i in range(rows):
            for t in range(T):
                for b in range(active_columns(ends, t)):
                    out[i, places[t, b]] += dz[i, t * B + b]


@kernel
def _occurring(ids: Any, n_x: int) -> Any:
    """The symbols that occur, in order, then n_x; and the place of each id among them."""
    T, B = ids.shape
    place = np.full(n_x + 1, 0)
    for t in range(T):
        for b in range(B):
            place[ids[t, b]] = 1
    place[n_x] = 1
    symbols = np.flatnonzero(place)
    for k in range(len(symbols)):
        place[symbols[k]] = k
    places = np.empty((T, B), np.uint32)
    for t in range(T):
        for b in range(B):
            places[t, b] = place[ids[t, b]]
    return symbols, places
