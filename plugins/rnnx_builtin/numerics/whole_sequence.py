"""A cell's products over a whole sequence: z = Wx·x + b before its loop, weight gradients after it.

Only the recurrent product has to wait for the step before. The input's product is computed for all
steps at once, or gathered from a table where x is ids. The gradient of all weights is one product:

    [dWh dWx db] = Σ_t dz⟨t⟩ @ [h⟨t−1⟩; x⟨t⟩; 1]ᵀ

over many steps at once: enough for the rate of the BLAS, and no more than the cache holds. h, x
and 1 are stacked as the notebook stacks [a; x].
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Scratch
from rnnx.padding import clean, is_padded, mask

CACHE_BYTES = 256 * 1024  # of one array, which then stays in the cache beside a few others
ONE_HOT_MAX = 256  # symbols; in a larger vocabulary only those that occur get a row


def fits(nbytes: int) -> bool:
    """Whether an array of so many bytes stays in the cache."""
    return nbytes <= CACHE_BYTES


def tiles(T: int, step_bytes: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of pieces of T steps that fit into the cache, the last first.

    A sequence's arrays (T, n, B) are megabytes: a pass over all of one, then over all of the next,
    waits for memory at every number. The backward pass works piece by piece instead.
    """
    size = max(1, CACHE_BYTES // max(step_bytes, 1))
    for stop in range(T, 0, -size):
        yield max(0, stop - size), stop


class Steps(Protocol):
    """(n, B) by step t: an array (T, n, B), or an object that computes a step when asked."""

    def __getitem__(self, t: int, /) -> Array: ...


class Columns:
    """The columns of a table that each step's ids choose, gathered step by step into one buffer."""

    def __init__(self, table: Array, ids: Array, out: Array) -> None:
        self._table, self._ids, self._out = table, ids, out  # (n, m), (T, B), (n, B)

    def __getitem__(self, t: int) -> Array:
        # The ids are valid; "clip" lets NumPy write to the buffer directly, "raise" would copy.
        return np.take(self._table, self._ids[t], axis=1, out=self._out, mode="clip")


def project(W: Array, b: Array, x: Array, lengths: Array | None, scratch: Scratch) -> Steps:
    """``W @ x[t] + b`` for every t, (n, B) each.

    ``W`` is (n, n_x), ``b`` (n, 1), x dense (T, n_x, B) or ids (T, B). For ids the product gathers
    columns of W + b, with b alone for id −1: of a sequence that fits into the cache all at once, of
    a longer one step by step, so that each step's columns are in the cache when they are added.
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


def zero_padding(steps: Array, lengths: Array | None, name: str, scratch: Scratch) -> Array:
    """(T, n, B) with zeros beyond the lengths: a copy, or ``steps`` where nothing is padded."""
    if lengths is None or not is_padded(lengths, len(steps)):
        return steps
    out = scratch.array(name, steps.shape, steps.dtype)
    valid = mask(lengths, len(steps))[:, None]
    np.copyto(out, steps)
    np.copyto(out, 0, where=~valid)  # not a product: 0 · NaN is NaN
    return out


def begin_states(state: Array, name: str, T: int, scratch: Scratch, like: Params) -> Array:
    """A buffer (T + 1, n_a, B) whose step 0 is the initial state; the loop fills the others."""
    dtype = next(iter(like.values())).dtype
    steps = scratch.array(name, (T + 1, *state.shape), dtype)
    steps[0] = state
    return steps


class Rows(Protocol):
    """A factor of every step that weights are multiplied with."""

    count: int
    """The number of its rows."""

    def write(self, start: int, stop: int, out: Array) -> None:
        """Write the steps from start to stop into ``out`` (count, (stop − start)·B)."""


class Dense:
    """Steps (T, n, B) as rows."""

    def __init__(self, steps: Array) -> None:
        self.count = steps.shape[1]
        self._steps = steps

    def write(self, start: int, stop: int, out: Array) -> None:
        steps = self._steps[start:stop]
        T, n, B = steps.shape
        np.copyto(out.reshape(n, T, B), steps.transpose(1, 0, 2))


class OneHot:
    """Ids (T, B) as rows of zeros and ones; id −1 is zero in all rows."""

    def __init__(self, ids: Array, n_x: int) -> None:
        self.symbols: Array | None = None
        if n_x > ONE_HOT_MAX:
            self.symbols, places = np.unique(ids, return_inverse=True)
            if len(self.symbols) and self.symbols[0] < 0:
                self.symbols, places = self.symbols[1:], places - 1
            ids = places.reshape(ids.shape)
        self.count = n_x if self.symbols is None else len(self.symbols)
        self._ids = ids

    def write(self, start: int, stop: int, out: Array) -> None:
        out.fill(0)
        ids = self._ids[start:stop].ravel()
        if ids.size and ids.min() < 0:
            valid = np.flatnonzero(ids >= 0)
            out[ids[valid], valid] = 1
        else:
            out[ids, np.arange(ids.size)] = 1

    def scatter(self, columns: Array, out: Array) -> None:
        """Copy the columns of the symbols that occur, (n, count), into all columns (n, n_x)."""
        if self.symbols is None:
            np.copyto(out, columns)
        else:
            out.fill(0)
            out[:, self.symbols] = columns


class One:
    """The constant 1 that biases are multiplied with."""

    count = 1

    def write(self, start: int, stop: int, out: Array) -> None:
        out.fill(1)


def input_rows(x: Array, n_x: int, lengths: Array | None) -> Dense | OneHot:
    """The rows of an input, ids (T, B) or dense (T, n_x, B), with zeros in the padding."""
    x = clean(x, lengths)
    return OneHot(x, n_x) if x.ndim == 2 else Dense(x)


def sum_products(dz: Array, below: Sequence[Rows], name: str, scratch: Scratch) -> Array:
    """Σ_t dz[t] @ below[t]ᵀ for dz (T, n, B): (n, the sum of the rows' counts)."""
    T, n, B = dz.shape
    width = sum(rows.count for rows in below)
    total = scratch.array(f"{name}_sum", (n, width), dz.dtype)
    size = _steps_at_once(T, B, width)
    for start in range(0, T, size):
        stop = min(start + size, T)
        left = flat(dz[start:stop], f"{name}_flat", scratch)
        right = scratch.array(f"{name}_below", (width, (stop - start) * B), dz.dtype)
        first = 0
        for rows in below:
            rows.write(start, stop, right[first : first + rows.count])
            first += rows.count
        if start == 0:
            np.matmul(left, right.T, out=total)
        else:
            part = scratch.array(f"{name}_part", (n, width), dz.dtype)
            total += np.matmul(left, right.T, out=part)
    return total


def _steps_at_once(T: int, B: int, width: int) -> int:
    """Enough steps that a partial product costs much more to compute than to add to the sum."""
    size = -(-2 * width // B)
    return size if 2 * size <= T else T


def weight_gradients(
    dz: Array, h_before: Array, x: Array, n_x: int, lengths: Array | None, scratch: Scratch
) -> tuple[Array, Array, Array]:
    """``dWx (n, n_x), dWh (n, n_a), db (n, 1)`` from dz (T, n, B), which is 0 in the padding.

    ``h_before`` (T, n_a, B) are the states h⟨t−1⟩.
    """
    n, n_a = dz.shape[1], h_before.shape[1]
    inputs = input_rows(x, n_x, lengths)
    total = sum_products(dz, [Dense(h_before), inputs, One()], "dW", scratch)
    dWh = scratch.array("dWh", (n, n_a), dz.dtype)
    np.copyto(dWh, total[:, :n_a])
    db = scratch.array("db", (n, 1), dz.dtype)
    np.copyto(db, total[:, -1:])
    return input_weights(total[:, n_a:-1], inputs, n_x, scratch), dWh, db


def input_weights(columns: Array, inputs: Dense | OneHot, n_x: int, scratch: Scratch) -> Array:
    """dWx (n, n_x) from its columns in the sum of products."""
    dWx = scratch.array("dWx", (len(columns), n_x), columns.dtype)
    if isinstance(inputs, OneHot):
        inputs.scatter(columns, dWx)
    else:
        np.copyto(dWx, columns)
    return dWx
