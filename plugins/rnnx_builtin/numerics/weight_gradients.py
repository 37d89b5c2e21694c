"""The gradient of a cell's weights: Σ_t dz[t] @ [h⟨t−1⟩; x⟨t⟩; 1]ᵀ, as few products over all steps.

What every weight is multiplied with is stacked below one another, as the notebook stacks [a; x]:
dWh, dWx and db are columns of one product (n, K·B) @ (K·B, n_a + n_x + 1) over K steps, K large
enough for the BLAS and small enough for the cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.scratch import Scratch
from rnnx.padding import clean
from rnnx_builtin.numerics.projection import flat

MANY = 256  # symbols above which only those that occur are given a row


class Rows(Protocol):
    """Something that every step multiplies a weight with."""

    count: int
    """How many rows it has."""

    def write(self, start: int, stop: int, out: Array) -> None:
        """Fill ``out`` (count, (stop − start)·B) with the steps from start to stop."""


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
    """Ids (T, B) as rows of zeros and ones; id −1 has none."""

    def __init__(self, ids: Array, n_x: int) -> None:
        self.symbols: Array | None = None
        if n_x > MANY:
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

    def spread(self, columns: Array, out: Array) -> None:
        """The columns of the symbols that occur, (n, count), into all columns (n, n_x)."""
        if self.symbols is None:
            np.copyto(out, columns)
        else:
            out.fill(0)
            out[:, self.symbols] = columns


class One:
    """The constant 1 that a bias is multiplied with."""

    count = 1

    def write(self, start: int, stop: int, out: Array) -> None:
        out.fill(1)


def rows_of(x: Array, n_x: int, lengths: Array | None) -> Dense | OneHot:
    """The rows of an input, ids (T, B) or dense (T, n_x, B), without what lies in the padding."""
    x = clean(x, lengths)
    return OneHot(x, n_x) if x.ndim == 2 else Dense(x)


def summed(dz: Array, below: Sequence[Rows], name: str, scratch: Scratch) -> Array:
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
    """Enough steps that adding a partial product to the sum costs little beside making it."""
    size = -(-2 * width // B)
    return size if 2 * size <= T else T


def weight_gradients(
    dz: Array, h_before: Array, x: Array, n_x: int, lengths: Array | None, scratch: Scratch
) -> tuple[Array, Array, Array]:
    """``dWx (n, n_x), dWh (n, n_a), db (n, 1)`` from dz (T, n, B), which is 0 in the padding.

    ``h_before`` (T, n_a, B) are the states h⟨t−1⟩.
    """
    n, n_a = dz.shape[1], h_before.shape[1]
    inputs = rows_of(x, n_x, lengths)
    total = summed(dz, [Dense(h_before), inputs, One()], "dW", scratch)
    dWh = scratch.array("dWh", (n, n_a), dz.dtype)
    np.copyto(dWh, total[:, :n_a])
    db = scratch.array("db", (n, 1), dz.dtype)
    np.copyto(db, total[:, -1:])
    return input_weights(total[:, n_a:-1], inputs, n_x, scratch), dWh, db


def input_weights(columns: Array, inputs: Dense | OneHot, n_x: int, scratch: Scratch) -> Array:
    """dWx (n, n_x) from its columns in a sum."""
    dWx = scratch.array("dWx", (len(columns), n_x), columns.dtype)
    if isinstance(inputs, OneHot):
        inputs.spread(columns, dWx)
    else:
        np.copyto(dWx, columns)
    return dWx
