"""What the kernels of all cells share: the layout of a sequence, its input, and its gradients.

Steps are (rows, padded columns) and contiguous. What the weights' gradients need is flat, (n, T·B),
with a row stride of an odd number of cache lines (``flat_buffer``).
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.buffers import Scratch, flat_buffer
from rnnx.padding import is_padded, mask
from rnnx_builtin.kernels import meanwhile
from rnnx_builtin.kernels.rnn.columns import active_columns
from rnnx_builtin.kernels.rnn.input_table import add_square_by_place
from rnnx_builtin.kernels.simd.blas import matmul
from rnnx_builtin.kernels.simd.compiling import inline, kernel
from rnnx_builtin.kernels.simd.gemm import padded_columns, register_lanes
from rnnx_builtin.kernels.simd.work_queue import divide

ROWS_AT_ONCE = 16  # of Wx that a table is made of: a cache line of each of its rows
MANY_SYMBOLS = 1000  # from here on only those of a batch are added up, if they are fewer
NO_SYMBOLS = np.empty(0, np.intp)  # all are added up
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
    if x.ndim == 2:
        given, is_read = scratch.plan(ids_input, n_x + 1, n, T, B, dtype)
        if lengths is not None:
            given = given._replace(ends=lengths)
        prepare_table(Wx, b, x, given.ends, given.table, given.ids, is_read)
        return given
    ends = np.full(B, T) if lengths is None else lengths
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


def ids_input(
    scratch: Scratch, rows: int, n: int, T: int, B: int, dtype: Any
) -> tuple[Input, Array]:
    """The input of one size without padding, and which symbols a batch has, (rows − 1,)."""
    given = Input(*_table(scratch, rows, n, T, B, dtype), np.full(B, T), None)
    return given, np.empty(rows - 1, np.bool_)


def _table(scratch: Scratch, rows: int, n: int, T: int, B: int, dtype: Any) -> tuple[Array, Array]:
    table = flat_buffer("table", rows, n, dtype, scratch)
    return table, scratch.array("ids", (T, padded_columns(B, dtype)), np.uint32)


def input_gradient(
    Wx: Array, x: Input, dz_flat: Array, threads: int, scratch: Scratch
) -> tuple[Array, Array, Array | None]:
    """``dWx, db, dx`` from dz (n, ≥ T·B): ids add into their columns, dense x is a product."""
    (n, n_x), T, B = Wx.shape, len(x.ids), len(x.ends)
    dWx, db, sums = scratch.plan(input_gradients, n, n_x, Wx.dtype)
    if x.x_flat is None:
        are_few = n_x >= MANY_SYMBOLS and n_x > T * B
        places, symbols = _occurring(x.ids, n_x) if are_few else (x.ids, NO_SYMBOLS)
        if threads == 1 or n * T * B < SHARED_SUM_MIN:
            add_into_columns(dz_flat, places, x.ends, dWx, db, sums, symbols)
            return dWx, db, None

        def rows(first: int, last: int) -> None:
            own = dWx[first:last], db[first:last], np.empty_like(sums)
            add_into_columns(dz_flat[first:last], places, x.ends, *own, symbols)

        divide(rows, n, threads)
        return dWx, db, None
    dz = dz_flat[:, : T * B]
    matmul(dz, x.x_flat.T, dWx, threads)
    np.sum(dz, axis=1, keepdims=True, out=db)
    dx = flat_buffer("dx", n_x, T * B, Wx.dtype, scratch)
    matmul(Wx.T, dz, dx[:, : T * B], threads)
    return dWx, db, steps_view(dx, T, B)


def _occurring(ids: Array, n_x: int) -> tuple[Array, Array]:
    """The place of each id among the symbols that occur, and these, sorted, n_x the last."""
    symbols, places = np.unique(ids, return_inverse=True)
    if symbols[-1] != n_x:
        symbols = np.append(symbols, n_x)
    return places.reshape(ids.shape).astype(np.uint32), symbols.astype(np.intp)


def input_gradients(scratch: Scratch, n: int, n_x: int, dtype: Any) -> tuple[Array, Array, Array]:
    """dWx, db, and the sums of a register of rows by id, (n_x + 1, lanes)."""
    own = scratch.array("dWx", (n, n_x), dtype), scratch.array("db", (n, 1), dtype)
    return *own, np.empty((n_x + 1, register_lanes(dtype)), dtype)


@partial(kernel, meanwhile=meanwhile.prepare_table)
def prepare_table(Wx: Any, b: Any, x: Any, ends: Any, table: Any, ids: Any, is_read: Any) -> None:
    """The columns of Wx + b as rows, then b alone; ids name the row, b's beyond a column's end."""
    (n, n_x), (T, B) = Wx.shape, x.shape
    for k in range(n_x):  # of many symbols only those that occur
        is_read[k] = n_x <= T * B
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


@partial(kernel, meanwhile=meanwhile.add_into_columns)
def add_into_columns(
    dz: Any, places: Any, ends: Any, dWx: Any, db: Any, out: Any, symbols: Any
) -> None:
    """Σ of dz (n, ≥ T·B) by id, a register of rows at once; db is the sum over all columns.

    ``places`` (T, ≥ B) are the ids, or the places in ``symbols`` of the ids that occur and n_x, the
    last; the other columns are 0 then. ``out`` (n_x + 1, lanes) holds the sums of some rows.
    """
    n, n_x = dWx.shape
    count = len(symbols) - 1 if len(symbols) > 0 else n_x
    for start in range(0, n, out.shape[1]):
        rows = min(out.shape[1], n - start)
        _add_by_place(dz[start:], places, ends, out, rows, count)
        for i in range(rows):
            total = out[count, i]
            for k in range(count):
                total += out[k, i]
            db[start + i, 0] = total
            if count < n_x:
                for k in range(n_x):
                    dWx[start + i, k] = 0
                for k in range(count):
                    dWx[start + i, symbols[k]] = out[k, i]
            else:
                for k in range(count):
                    dWx[start + i, k] = out[k, i]


@inline
def _add_by_place(dz: Any, places: Any, ends: Any, out: Any, rows: int, last: int) -> None:
    """The first ``rows`` rows of dz, numbers added up at its place in ``out`` (> last, lanes)."""
    T, B, lanes = len(places), len(ends), out.shape[1]
    width = dz.strides[0] // dz.itemsize
    for k in range(last + 1):
        for i in range(lanes):
            out[k, i] = 0
    for t in range(T):
        count, b = active_columns(ends, t), 0  # beyond it dz is 0
        if rows == lanes:
            while b + lanes <= count:
                add_square_by_place(out, dz, t * B + b, width, places[t], b)
                b += lanes
        while b < count:
            e, k = t * B + b, places[t, b]
            for i in range(rows):
                out[k, i] += dz[i, e]
            b += 1
