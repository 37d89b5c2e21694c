"""What stands in the place of kernels that copy or add, until they are compiled: the same in NumPy.

A kernel's numbers cannot wait where their last bits are its own. These only move numbers, or add
them in an order that NumPy can keep to, so a first run computes with them while the kernels of the
same names and arguments are compiled (:mod:`rnnx.system.background_kernels`).
"""

from __future__ import annotations

import numpy as np

from rnnx.arrays import Array


def pack_columns(W: Array, blocks: int, out: Array) -> None:
    """``gemm.pack_columns``."""
    K, n = W.shape[1], len(W) // blocks
    padded = out.reshape(K, blocks, -1)
    padded[..., :n] = W.reshape(blocks, n, K).transpose(2, 0, 1)
    padded[..., n:] = 0


def pack_rows(W: Array, blocks: int, out: Array) -> None:
    """``gemm.pack_rows``."""
    K, n = W.shape[1], len(W) // blocks
    padded = out.reshape(blocks, -1, out.shape[2])
    padded[...] = 0
    padded[:, :n, :K] = W.reshape(blocks, n, K)


def pack_panels(W: Array, blocks: int, n_p: int, out: Array, first: int, last: int) -> None:
    """``gemm.pack_panels``."""
    (count, K, rows), n = out.shape, len(W) // blocks
    padded = np.zeros((count * rows, K), W.dtype)
    padded[: blocks * n_p].reshape(blocks, n_p, K)[:, :n] = W.reshape(blocks, n, K)
    out[first:last] = padded.reshape(count, rows, K).transpose(0, 2, 1)[first:last]


def pack_transposed_panels(
    W: Array, blocks: int, n_p: int, out: Array, first: int, last: int
) -> None:
    """``gemm.pack_transposed_panels``."""
    (count, height, rows), K, n = out.shape, W.shape[1], len(W) // blocks
    padded = np.zeros((blocks, n_p, count * rows), W.dtype)
    padded[:, :n, :K] = W.reshape(blocks, n, K)
    out[first:last] = padded.reshape(height, count, rows).transpose(1, 0, 2)[first:last]


def find_runs(ends: Array, T: int, places: Array, runs: Array) -> tuple[int, int]:
    """``packing.find_runs``."""
    found = np.flatnonzero(np.arange(T)[:, None] < ends)
    begins = np.flatnonzero(np.diff(found, prepend=-2) != 1)
    count, last = len(found), len(begins)
    places[:count] = found
    runs[:last, 0], runs[:last, 1] = found[begins], begins
    runs[:last, 2] = np.diff(begins, append=count)
    return count, last


def take_runs(flat: Array, runs: Array, count: int, out: Array) -> None:
    """``packing.take_runs``."""
    for start, at, length in runs[:count].tolist():
        out[: len(flat), at : at + length] = flat[:, start : start + length]


def put_back(columns: Array, runs: Array, count: int, out: Array) -> None:
    """``packing.put_back``."""
    out[...] = 0
    for start, at, length in runs[:count].tolist():
        out[:, start : start + length] = columns[: len(out), at : at + length]


def prepare_table(
    Wx: Array, b: Array, x: Array, ends: Array, table: Array, ids: Array, is_read: Array
) -> None:
    """``sequence.prepare_table``."""
    (n, n_x), (T, B) = Wx.shape, x.shape
    is_read[...] = n_x <= T * B
    is_read[x[x >= 0]] = True
    table[:n_x][is_read, :n] = (Wx[:, is_read] + b).T
    table[n_x, :n] = b[:, 0]
    ids[...] = n_x
    is_id = (x >= 0) & (np.arange(T)[:, None] < ends)
    ids[:, :B][is_id] = x[is_id]


def add_into_columns(
    dz: Array, places: Array, ends: Array, dWx: Array, db: Array, out: Array, symbols: Array
) -> None:
    """``sequence.add_into_columns``; it adds up all rows at once, and needs no ``out``."""
    (n, n_x), T, B = dWx.shape, len(places), len(ends)
    count = len(symbols) - 1 if len(symbols) > 0 else n_x
    sums = np.zeros((count + 1, n), dz.dtype)
    tokens = np.ascontiguousarray(dz[:n, : T * B].T)
    for place, token in zip(places[:, :B].ravel().tolist(), tokens, strict=True):
        sums[place] += token  # in this order; beyond a column's end it is 0
    total = sums[count].copy()
    for own in sums[:count]:
        total += own
    db[:, 0] = total
    dWx[...] = 0
    dWx[:, symbols[:count] if count < n_x else slice(count)] = sums[:count].T
