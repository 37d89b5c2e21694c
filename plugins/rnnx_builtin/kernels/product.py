"""The recurrent product W @ h with W packed once for all steps.

A BLAS packs W anew for each product, which costs as much as the product itself where h has 32
columns. Here W lies in panels of ROWS rows, a panel's column at a time (the layout of Goto and
van de Geijn 2008), and every tile reads it and h from front to back.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numba.extending import overload

from rnnx.contracts import Array
from rnnx.scratch import Scratch
from rnnx_builtin.kernels.compiling import VECTOR, inline, kernel
from rnnx_builtin.kernels.tile import ROWS, make_tile

DEPTH = 512  # of k at a time, so that a strip of h and a panel of W stay in the near caches


def width(dtype: Any) -> int:
    """Numbers of a dtype in a register."""
    return VECTOR // int(np.dtype(dtype).itemsize)


def padded(B: int, dtype: Any) -> int:
    """Columns of a step's arrays: whole registers, or a single column as it is."""
    lanes = width(dtype)
    return 1 if B == 1 else -(-B // lanes) * lanes


@cache
def padded_rows(n: int, B: int, dtype: Any) -> int:
    """Rows of a gate's block: whole registers where a column is alone."""
    lanes = width(dtype)
    return -(-n // lanes) * lanes if B == 1 else n


def all_rows(rows: int, B: int) -> int:
    """Rows of a product's result: whole panels."""
    return rows if B == 1 else -(-rows // ROWS) * ROWS


def packed(name: str, W: Array, blocks: int, B: int, scratch: Scratch) -> Array:
    """W (blocks · n, K) as (panels, K, ROWS), 0 below its last row.

    For a single column the roles change: as (1, K, blocks · n_p), a row for each number of h.
    """
    n, K = W.shape
    if B == 1:
        n_p = padded_rows(n // blocks, B, W.dtype)
        out = scratch.array(name, (1, K, blocks * n_p), W.dtype)
        pack_columns(W, blocks, out)
    else:
        out = scratch.array(name, (-(-n // ROWS), K, ROWS), W.dtype)
        pack(W, out)
    return out


def packed_transpose(name: str, W: Array, blocks: int, B: int, scratch: Scratch) -> Array:
    """Wᵀ likewise, W (blocks · n, K); for a single column (1, blocks · n_p, K_p)."""
    n, K = W.shape
    if B == 1:
        n_p, K_p = padded_rows(n // blocks, B, W.dtype), padded_rows(K, B, W.dtype)
        out = scratch.array(name, (1, blocks * n_p, K_p), W.dtype)
        pack_rows(W, blocks, out)
    else:
        out = scratch.array(name, (-(-K // ROWS), n, ROWS), W.dtype)
        pack_transpose(W, out)
    return out


@kernel
def pack_columns(W: Any, blocks: int, out: Any) -> None:
    """Row u of each block of W (blocks · n, K) becomes a column, 0 beyond a block's last."""
    (_, K, width), n = out.shape, len(W) // blocks
    n_p = width // blocks
    for block in range(blocks):
        for u in range(n_p):
            for k in range(K):
                out[0, k, block * n_p + u] = W[block * n + u, k] if u < n else 0


@kernel
def pack_rows(W: Any, blocks: int, out: Any) -> None:
    """W (blocks · n, K) with rows and blocks padded by 0."""
    (_, rows, K_p), (n, K) = out.shape, (len(W) // blocks, W.shape[1])
    n_p = rows // blocks
    for block in range(blocks):
        for u in range(n_p):
            for k in range(K):
                out[0, block * n_p + u, k] = W[block * n + u, k] if u < n else 0
            for k in range(K, K_p):
                out[0, block * n_p + u, k] = 0


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
_eight, _four, _one = (make_tile(count, False, 1) for count in (8, 4, 1))


@inline
def multiply(W: Any, h: Any, out: Any, count: int) -> None:
    """out = W @ h for W packed, h (K, B) and out (all rows, B), B padded: ``count`` columns.

    The way back is the same with Wᵀ packed.
    """
    if h.shape[1] > 1:
        _tiles(W, h, out, count)
    elif count > 0:
        _column(W, h, out)


@inline
def _tiles(W: Any, h: Any, out: Any, count: int) -> None:
    panels, K, rows = W.shape
    B = h.shape[1]
    pair = 2 * lanes_of(W)
    for k0 in range(0, K, DEPTH):
        depth = min(DEPTH, K - k0)
        for p in range(panels):
            w, to, j = (p * K + k0) * rows, p * rows * B, 0
            while j + pair <= count:
                if k0 == 0:
                    _first(W, w, depth, h, j, B, out, to + j)
                else:
                    _more(W, w, depth, h, k0 * B + j, B, out, to + j)
                j += pair
            if j < count:
                if k0 == 0:
                    _first_half(W, w, depth, h, j, B, out, to + j)
                else:
                    _more_half(W, w, depth, h, k0 * B + j, B, out, to + j)


@inline
def _column(W: Any, h: Any, out: Any) -> None:
    """A single column: Σ_k W[k]·h[k] over the rows of W (1, K, n), a few registers at once."""
    _, K, n = W.shape
    j, one = 0, lanes_of(W)
    while j + 8 * one <= n:
        _eight(h, 0, K, W, j, n, out, j)
        j += 8 * one
    while j + 4 * one <= n:
        _four(h, 0, K, W, j, n, out, j)
        j += 4 * one
    if j < n and n >= 4 * one:  # what is left, and some of it for the second time
        _four(h, 0, K, W, n - 4 * one, n, out, n - 4 * one)
        return
    while j < n:
        _one(h, 0, K, W, j, n, out, j)
        j += one
