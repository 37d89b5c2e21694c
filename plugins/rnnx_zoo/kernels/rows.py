"""A sequence as rows of steps and columns, for the diagonal loop: its input and its gradients.

Steps of B columns are padded to B_p, whole registers, so a row has T · B_p numbers. Its products
are over all steps at once; ids take the columns of the weights instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.buffers import Scratch, flat_buffer
from rnnx.padding import clean, is_padded, mask
from rnnx_builtin.kernels.rnn.sequence import is_flat
from rnnx_builtin.kernels.simd.blas import matmul
from rnnx_builtin.kernels.simd.gemm import register_lanes
from rnnx_builtin.kernels.simd.work_queue import divide
from rnnx_zoo.kernels import diagonal_loop

CHUNK_BYTES = 128 * 1024  # of rows that one kernel leaves in the cache for the next
SHARED_MIN = 2**16  # numbers in a block's rows; below, waking a thread takes longer than it saves


class Rows(NamedTuple):
    """The input of a sequence."""

    ids: Array | None  # (T · B_p,) uint32; n_x is the zero vector
    x: Array | None  # (n_x, T · B_p), 0 in the padding
    lengths: Array | None  # (B,), None where no column is padded
    ends: Array  # (B,): the lengths, T where there are none
    ending: Array  # (T,) of bool: whether a column ends with a step
    active: Array  # (T,): columns up to the last that has not ended, in whole registers
    B_p: int

    @property
    def width(self) -> int:
        """T · B_p."""
        return len(self.active) * self.B_p

    def steps(self, rows: Array) -> Array:
        """(n, ≥ T · B_p) → its (T, n, B) view."""
        T, B = len(self.active), len(self.ends)
        return rows[:, : self.width].reshape(len(rows), T, self.B_p)[..., :B].transpose(1, 0, 2)

    def buffer(self, name: str, rows: int, dtype: Any, scratch: Scratch) -> Array:
        """(rows, ≥ T · B_p), undefined contents."""
        return flat_buffer(name, rows, self.width, dtype, scratch)


def as_rows(x: Array, n_x: int, lengths: Array | None, dtype: Any, scratch: Scratch) -> Rows:
    """x (T, B) ids or (T, n_x, B) dense."""
    T, B = len(x), x.shape[-1]
    if lengths is not None and not is_padded(lengths, T):
        lengths = None
    lanes = register_lanes(dtype)
    B_p = -(-B // lanes) * lanes
    ends = np.full(B, T) if lengths is None else np.ascontiguousarray(lengths)
    last = np.arange(1, B + 1) * (np.arange(T)[:, None] < ends)  # 0 for a column that has ended
    active = -(-last.max(axis=1) // lanes) * lanes
    ending = np.isin(np.arange(1, T + 1), ends)
    given = Rows(None, None, lengths, ends, ending, active, B_p)
    x = clean(x, lengths)
    if x.ndim == 2:
        ids = np.full((T, B_p), n_x, np.uint32)
        ids[:, :B] = np.where(x < 0, n_x, x)
        return given._replace(ids=ids.ravel())
    if B_p == B and is_flat(x):
        return given._replace(x=x.transpose(1, 0, 2).reshape(n_x, T * B))
    rows = given.buffer("x_rows", n_x, dtype, scratch)
    if B_p > B:
        rows[:, : given.width].reshape(n_x, T, B_p)[..., B:] = 0
    np.copyto(given.steps(rows), x)
    return given._replace(x=rows[:, : given.width])


def input_rows(given: Rows, n_x: int, dtype: Any, threads: int, scratch: Scratch) -> Array:
    """The input itself as rows of a buffer (n_x, ≥ T · B_p); ids as ones."""
    if given.x is None:
        eye, zero = np.eye(n_x, dtype=dtype), np.zeros((n_x, 1), dtype)
        return sums("input_rows", eye, zero, given, threads, scratch)[0]
    rows = given.buffer("input_rows", n_x, dtype, scratch)
    np.copyto(rows[:, : given.width], given.x)
    return rows


def sums(
    name: str, W: Array, b: Array, given: Rows, threads: int, scratch: Scratch
) -> tuple[Array, Array]:
    """``z, b``: z + b is W·x + b of all steps (n, ≥ T · B_p), where ids have the bias in z."""
    z = given.buffer(name, len(W), W.dtype, scratch)
    if given.x is not None:
        matmul(W, given.x, z[:, : given.width], threads)
        return z, np.ascontiguousarray(b)
    table = np.concatenate([W + b, b], axis=1)
    share(lambda *part: diagonal_loop.take_rows(table, given.ids, z, *part), len(W), given, threads)
    return z, np.zeros_like(b)


def share(work: Callable[[int, int], Any], n: int, given: Rows, threads: int) -> None:
    """``work(first, last)`` for parts of n rows, in so many threads where that is worth it."""
    divide(work, n, threads if n * given.width >= SHARED_MIN else 1)


def in_chunks(work: Callable[[int, int], None], given: Rows, itemsize: int) -> Any:
    """``work`` for a few rows at a time: what it does one after another stays in the cache."""
    size = max(1, CHUNK_BYTES // (given.width * itemsize))

    def chunks(first: int, last: int) -> None:
        for start in range(first, last, size):
            work(start, min(start + size, last))

    return chunks


def states_of(state: Array, name: str, given: Rows, scratch: Scratch) -> Array:
    """(n, ≥ (T + 1) · B_p), the initial state (n, B) first."""
    n, B = state.shape
    hs = flat_buffer(name, n, given.width + given.B_p, state.dtype, scratch)
    hs[:, :B], hs[:, B : given.B_p] = state, 0
    return hs


def last_states(hs: Array, given: Rows) -> Array:
    """(n, B) of (n, ≥ (T + 1) · B_p): each column's state after its last step."""
    by_step = hs[:, : given.width + given.B_p].reshape(len(hs), -1, given.B_p)
    return np.ascontiguousarray(by_step[:, given.ends, np.arange(len(given.ends))])


def zero_beyond(steps: Array, given: Rows) -> Array:
    """(T, n, B) with zeros beyond the lengths, in place."""
    if given.lengths is not None:
        steps.transpose(0, 2, 1)[~mask(given.lengths, len(steps))] = 0
    return steps


def input_gradients(
    W: Array, given: Rows, dz: Array, threads: int, scratch: Scratch, name: str = "Wx"
) -> tuple[Array, Array, Array | None]:
    """``dW, db, dx`` from dz (n, ≥ T · B_p); dx (T, n_x, B), None for ids."""
    (n, n_x), width = W.shape, given.width
    dW = scratch.array(f"d{name}", W.shape, W.dtype)
    db = scratch.array("db", (n, 1), W.dtype)
    if given.x is None:
        columns = scratch.array(f"d{name}_columns", (n, n_x + 1), W.dtype)
        share(
            lambda *part: diagonal_loop.add_rows(dz, given.ids, columns, *part), n, given, threads
        )
        np.copyto(dW, columns[:, :-1])
        return dW, np.sum(columns, axis=1, keepdims=True, out=db), None
    matmul(dz[:, :width], given.x.T, dW, threads)
    np.sum(dz[:, :width], axis=1, keepdims=True, out=db)
    dx = given.buffer("dx_rows", n_x, W.dtype, scratch)
    matmul(W.T, dz[:, :width], dx[:, :width], threads)
    return dW, db, given.steps(dx)
