"""The recurrent product W @ h with W packed once for all steps.

A BLAS packs W anew for each product, which costs as much as the product itself where h has 32
columns. Here W lies in panels of ROWS rows, a panel's column at a time (the layout of Goto and
van de Geijn 2008), and every tile reads it and h from front to back.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload

from rnnx.arrays import Array
from rnnx.contracts.buffers import Scratch
from rnnx_builtin.kernels.simd.compiling import VECTOR, inline, kernel
from rnnx_builtin.kernels.simd.microkernel import ROWS, make_tile
from rnnx_builtin.kernels.simd.work_queue import divided

DEPTH = 512  # of k at a time, so that a strip of h and a panel of W stay in the near caches
FEW = 2**19  # multiplications of a step; below, two threads lose more than they gain
SMALL = 2**17  # weights to pack; below, waking a thread takes longer than it saves
LARGEST = 132  # units of a chunk


def width(dtype: Any) -> int:
    """Numbers of a dtype in a register."""
    return VECTOR // int(np.dtype(dtype).itemsize)


def padded(B: int, dtype: Any) -> int:
    """Columns of a step's arrays: whole registers, or a single column as it is."""
    lanes = width(dtype)
    return 1 if B == 1 else -(-B // lanes) * lanes


class Units(NamedTuple):
    """How the units of a layer lie in a step's arrays, and how many are computed at a time."""

    padded: int  # units with their padding: the rows of each gate
    chunk: int  # units of a chunk; the last one may have fewer


@cache
def units_of(n: int, blocks: int, B: int, dtype: Any, threads: int) -> Units:
    """Whole registers where a column is alone, whole panels where there are several chunks.

    A thread alone takes all units at once, so that it reads h as few times as can be.
    """
    if B == 1:
        lanes = width(dtype)
        n_p = -(-n // lanes) * lanes
        return Units(n_p, n_p)
    if threads == 1 or blocks * n * n * B <= FEW:
        return Units(n, n)
    n_p, chunks = all_rows(n, B), max(2 * threads, -(-n // LARGEST))
    return Units(n_p, -(-n_p // (chunks * ROWS)) * ROWS)


def all_rows(rows: int, B: int) -> int:
    """Rows of a product's result: whole panels."""
    return rows if B == 1 else -(-rows // ROWS) * ROWS


def packed(name: str, W: Array, blocks: int, B: int, units: Units, scratch: Scratch) -> Array:
    """W (blocks · n, K) as (panels, K, ROWS), each block padded, 0 below its last row.

    For a single column the roles change: as (1, K, blocks · n_p), a row for each number of h.
    """
    K, n_p = W.shape[1], units.padded
    if B == 1:
        out = scratch.array(name, (1, K, blocks * n_p), W.dtype)
        pack_columns(W, blocks, out)
    else:
        out = scratch.array(name, (all_rows(blocks * n_p, B) // ROWS, K, ROWS), W.dtype)
        _divide(pack, W, blocks, n_p, out, scratch.threads)
    return out


def packed_transpose(
    name: str, W: Array, blocks: int, B: int, units: Units, scratch: Scratch
) -> Array:
    """Wᵀ likewise (panels of units, blocks · n_p, ROWS); for one column (1, blocks · n_p, K_p)."""
    n_p = units.padded
    if B == 1:
        out = scratch.array(name, (1, blocks * n_p, n_p), W.dtype)
        pack_rows(W, blocks, out)
    else:
        out = scratch.array(name, (all_rows(n_p, B) // ROWS, blocks * n_p, ROWS), W.dtype)
        _divide(pack_transpose, W, blocks, n_p, out, scratch.threads)
    return out


def _divide(
    kernel: Callable[..., None], W: Array, blocks: int, n_p: int, out: Array, threads: int
) -> None:
    """A part of the panels to each thread, where W is large."""

    def panels(first: int, last: int) -> None:
        kernel(W, blocks, n_p, out, first, last)

    divided(panels, len(out), threads if W.size >= SMALL else 1)


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
def pack(W: Any, blocks: int, n_p: int, out: Any, first: int, last: int) -> None:
    """Row p · ROWS + r of W (blocks · n, K), its blocks padded, becomes row r of panel p."""
    K, n = W.shape[1], len(W) // blocks
    for p in range(first, last):
        for r in range(ROWS):
            block, u = (p * ROWS + r) // n_p, (p * ROWS + r) % n_p
            row, is_weight = block * n + u, block < blocks and u < n
            for k in range(K):
                out[p, k, r] = W[row, k] if is_weight else 0


@kernel
def pack_transpose(W: Any, blocks: int, n_p: int, out: Any, first: int, last: int) -> None:
    """Column p · ROWS + r of W (blocks · n, K) becomes row r of panel p."""
    n, K = len(W) // blocks, W.shape[1]
    for p in range(first, last):
        columns = min(ROWS, K - p * ROWS)
        for block in range(blocks):
            for u in range(n_p):
                row, to, count = block * n + u, block * n_p + u, columns if u < n else 0
                if count == ROWS:  # a length that the compiler knows: twice as fast
                    for r in range(ROWS):
                        out[p, to, r] = W[row, p * ROWS + r]
                else:
                    for r in range(ROWS):
                        out[p, to, r] = W[row, p * ROWS + r] if r < count else 0


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
def multiply_gates(
    W: Any, blocks: int, n_p: int, first: int, last: int, h: Any, out: Any, count: int
) -> None:
    """The rows of these units in each of ``blocks`` gates of out (≥ blocks · n_p, B) = W @ h."""
    whole = last - first == n_p  # only then may a gate begin within a panel
    for block in range(1 if whole else blocks):
        at = block * n_p + first
        multiply(W, at, at + (blocks * n_p if whole else last - first), h, out[at:], count)


@inline
def multiply(W: Any, first: int, last: int, h: Any, out: Any, count: int) -> None:
    """out = W[first:last] @ h for W packed, ``first`` where a panel begins.

    h is (K, B) and out (rows, B), B padded: ``count`` columns of them. The way back is the same
    with Wᵀ packed.
    """
    if h.shape[1] > 1:
        rows = W.shape[2]
        _tiles(W, first // rows, (last + rows - 1) // rows, h, out, count)
    elif count > 0:
        _column(W, h, out)


@inline
def _tiles(W: Any, first: int, last: int, h: Any, out: Any, count: int) -> None:
    _, K, rows = W.shape
    B, pair = h.shape[1], 2 * lanes_of(W)
    for k0 in range(0, K, DEPTH):
        depth = min(DEPTH, K - k0)
        for p in range(first, last):
            w, to, j = (p * K + k0) * rows, (p - first) * rows * B, 0
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
