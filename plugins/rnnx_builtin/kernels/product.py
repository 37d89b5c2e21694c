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
    """W (blocks · n, K) as (panels, K, rows of a panel), each block's rows padded.

    A single column takes one panel of all rows, which is Wᵀ.
    """
    n, K = len(W) // blocks, W.shape[1]
    n_p = padded_rows(n, B, W.dtype)
    rows = blocks * n_p if B == 1 else ROWS
    count = all_rows(blocks * n_p, B) // rows
    out = scratch.array(name, (count, K, rows), W.dtype)
    pack(W, n, n_p, out)
    return out


def packed_transpose(name: str, W: Array, blocks: int, B: int, scratch: Scratch) -> Array:
    """Wᵀ (n, blocks · n) likewise, with zeros for the rows that pad W's blocks."""
    n = len(W) // blocks
    n_p = padded_rows(n, B, W.dtype)
    rows = n_p if B == 1 else ROWS
    count = all_rows(n_p, B) // rows
    out = scratch.array(name, (count, blocks * n_p, rows), W.dtype)
    pack_transpose(W, n, n_p, out)
    return out


@kernel
def pack(W: Any, n: int, n_p: int, out: Any) -> None:
    """Row block · n + u of W becomes row block · n_p + u of the panels; the rest is 0."""
    count, K, rows = out.shape
    total = W.shape[0] // n * n_p
    for p in range(count):
        for r in range(rows):
            row = p * rows + r
            block, u = row // n_p, row % n_p
            if row < total and u < n:
                for k in range(K):
                    out[p, k, r] = W[block * n + u, k]
            else:
                for k in range(K):
                    out[p, k, r] = 0


@kernel
def pack_transpose(W: Any, n: int, n_p: int, out: Any) -> None:
    """Column u of W becomes row u of the panels, W's row block · n + k their k."""
    count, K, rows = out.shape
    columns = W.shape[1]
    for p in range(count):
        last = min(rows, columns - p * rows)
        for k in range(K):
            block, u = k // n_p, k % n_p
            if u < n:
                for r in range(last):
                    out[p, k, r] = W[block * n + u, p * rows + r]
            else:
                for r in range(rows):
                    out[p, k, r] = 0
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
    count, K, rows = W.shape
    B = h.shape[1]
    if B == 1:
        _multiply_column(W[0], h, out)
        return
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
def _multiply_column(W: Any, h: Any, out: Any) -> None:
    """A column at a time of Wᵀ (K, rows), four at once: sums in the near cache."""
    K, rows = W.shape
    for r in range(rows):
        out[r, 0] = 0
    k = 0
    while k + 4 <= K:
        a, b, c, d = h[k, 0], h[k + 1, 0], h[k + 2, 0], h[k + 3, 0]
        for r in range(rows):
            out[r, 0] += W[k, r] * a + W[k + 1, r] * b + W[k + 2, r] * c + W[k + 3, r] * d
        k += 4
    while k < K:
        a = h[k, 0]
        for r in range(rows):
            out[r, 0] += W[k, r] * a
        k += 1
