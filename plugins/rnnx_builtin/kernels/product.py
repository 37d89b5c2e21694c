"""The recurrent product W @ h with W packed once for all steps.

A BLAS packs W anew for each product, which costs as much as the product itself where h has 32
columns. Here W lies in panels of ROWS rows, a panel's column at a time (the layout of Goto and
van de Geijn 2008), and every tile reads it and h from front to back.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.extending import overload

from rnnx.contracts import Array
from rnnx.scratch import Scratch
from rnnx_builtin.kernels.compiling import VECTOR, inline, kernel
from rnnx_builtin.kernels.lanes import load, sum_of, zeros_of
from rnnx_builtin.kernels.tile import ROWS, make_tile

DEPTH = 512  # of k at a time, so that a strip of h and a panel of W stay in the near caches


def width(dtype: Any) -> int:
    """Numbers of a dtype in a register."""
    return VECTOR // int(np.dtype(dtype).itemsize)


def padded(B: int, dtype: Any) -> int:
    """Columns of a step's arrays: whole registers, or a single column as it is."""
    lanes = width(dtype)
    return 1 if B == 1 else -(-B // lanes) * lanes


def padded_rows(n: int, B: int, dtype: Any) -> int:
    """Rows of a gate's block: whole registers where a column is alone."""
    lanes = width(dtype)
    return -(-n // lanes) * lanes if B == 1 else n


def all_rows(rows: int, B: int) -> int:
    """Rows of a product's result: whole panels."""
    return rows if B == 1 else -(-rows // ROWS) * ROWS


def packed(name: str, W: Array, blocks: int, B: int, scratch: Scratch) -> Array:
    """W (blocks · n, K) as (panels, K, ROWS), 0 below its last row.

    A single column needs no packing: W itself as (blocks, n, K).
    """
    n, K = W.shape
    if B == 1:
        return W.reshape(blocks, n // blocks, K)
    out = scratch.array(name, (-(-n // ROWS), K, ROWS), W.dtype)
    pack(W, out)
    return out


def packed_transpose(name: str, W: Array, blocks: int, B: int, scratch: Scratch) -> Array:
    """Wᵀ likewise, W (blocks · n, K); W itself for a single column."""
    n, K = W.shape
    if B == 1:
        return W.reshape(blocks, n // blocks, K)
    out = scratch.array(name, (-(-K // ROWS), n, ROWS), W.dtype)
    pack_transpose(W, out)
    return out


@kernel
def pack(W: Any, out: Any) -> None:
    """Row p · ROWS + r of W becomes row r of panel p."""
    count, K, rows = out.shape
    for p in range(count):
        for r in range(rows):
            row = p * rows + r
            for k in range(K):
                out[p, k, r] = W[row, k] if row < len(W) else 0


@kernel
def pack_transpose(W: Any, out: Any) -> None:
    """Column p · ROWS + r of W becomes row r of panel p."""
    count, K, rows = out.shape
    for p in range(count):
        last = min(rows, W.shape[1] - p * rows)
        for k in range(K):
            for r in range(last):
                out[p, k, r] = W[k, p * rows + r]
            for r in range(last, rows):
                out[p, k, r] = 0


def lanes_of(array: Any) -> int:
    """Numbers of an array's dtype in a register, known to the compiler."""
    return width(array.dtype)


@overload(lanes_of, strict=False)
def _lanes_of(array: Any) -> Any:
    lanes = VECTOR * 8 // array.dtype.bitwidth
    return lambda array: lanes


_first, _first_half = make_tile(2, False), make_tile(1, False)
_more, _more_half = make_tile(2, True), make_tile(1, True)


@inline
def multiply(W: Any, h: Any, out: Any) -> None:
    """out = W @ h for W packed, h (K, B) and out (all rows, B), B padded."""
    if h.shape[1] == 1:
        _rows_by_column(W, h, out)
    else:
        _tiles(W, h, out)


@inline
def multiply_back(W: Any, dz: Any, out: Any) -> None:
    """out = Wᵀ @ dz for Wᵀ packed, dz (blocks · n, B) and out (all rows, B), B padded."""
    if dz.shape[1] == 1:
        _columns_by_weight(W, dz, out)
    else:
        _tiles(W, dz, out)


@inline
def _tiles(W: Any, h: Any, out: Any) -> None:
    count, K, rows = W.shape
    B = h.shape[1]
    pair = 2 * lanes_of(W)
    for k0 in range(0, K, DEPTH):
        depth = min(DEPTH, K - k0)
        for p in range(count):
            w, to, j = (p * K + k0) * rows, p * rows * B, 0
            while j + pair <= B:
                if k0 == 0:
                    _first(W, w, depth, h, j, B, out, to + j)
                else:
                    _more(W, w, depth, h, k0 * B + j, B, out, to + j)
                j += pair
            if j < B:
                if k0 == 0:
                    _first_half(W, w, depth, h, j, B, out, to + j)
                else:
                    _more_half(W, w, depth, h, k0 * B + j, B, out, to + j)


@inline
def _rows_by_column(W: Any, h: Any, out: Any) -> None:
    """W (blocks, n, K) times a single column: a dot product a row, two rows at once."""
    blocks, n, K = W.shape
    n_p = out.shape[0] // blocks
    for block in range(blocks):
        for u in range(0, n, 2):
            v = min(u + 1, n - 1)  # the last row of an odd number twice
            upper, lower = (block * n + u) * K, (block * n + v) * K
            sums, others = zeros_of(W), zeros_of(W)
            k = 0
            while k + lanes_of(W) <= K:
                column = load(h, k)
                sums = sums + load(W, upper + k) * column
                others = others + load(W, lower + k) * column
                k += lanes_of(W)
            total, other = sum_of(sums), sum_of(others)
            while k < K:
                total += W[block, u, k] * h[k, 0]
                other += W[block, v, k] * h[k, 0]
                k += 1
            out[block * n_p + u, 0] = total
            out[block * n_p + v, 0] = other


@inline
def _columns_by_weight(W: Any, dz: Any, out: Any) -> None:
    """Wᵀ times a single column: W's rows (blocks, n, K), four at once, each by its number."""
    blocks, n, K = W.shape
    n_p = dz.shape[0] // blocks
    for k in range(out.shape[0]):
        out[k, 0] = 0
    for block in range(blocks):
        u, at = 0, block * n_p
        while u + 4 <= n:
            a, b, c, d = dz[at + u, 0], dz[at + u + 1, 0], dz[at + u + 2, 0], dz[at + u + 3, 0]
            for k in range(K):
                left = W[block, u, k] * a + W[block, u + 1, k] * b
                out[k, 0] += left + W[block, u + 2, k] * c + W[block, u + 3, k] * d
            u += 4
        while u < n:
            for k in range(K):
                out[k, 0] += W[block, u, k] * dz[at + u, 0]
            u += 1
