"""The recurrent product W @ h, with W packed once for all steps.

A BLAS packs W anew for each product, which costs as much as the product itself where h has 32
columns. Here W lies in panels of ROWS rows, a panel's column at a time (the layout of Goto and
van de Geijn 2008), so that a tile of the product reads W and h from front to back.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload

from rnnx.arrays import Array
from rnnx.contracts.buffers import Scratch
from rnnx_builtin.kernels import meanwhile
from rnnx_builtin.kernels.simd.compiling import VECTOR, inline, kernel
from rnnx_builtin.kernels.simd.microkernel import ROWS, make_tile
from rnnx_builtin.kernels.simd.narrow_tile import SLACK, make_narrow_tile, panels_at_once
from rnnx_builtin.kernels.simd.work_queue import divide

K_BLOCK = 512  # rows of h at a time: a strip of h and a panel of W then stay in the near caches
SHARED_STEP_MIN = 2**19  # multiplications of a step; below, two threads lose more than they gain
SHARED_PACKING_MIN = 2**17  # weights to pack; below, waking a thread takes longer than it saves
CHUNK_MAX = 132  # units of a chunk


def register_lanes(dtype: Any) -> int:
    """How many numbers of a dtype a register holds."""
    return VECTOR // int(np.dtype(dtype).itemsize)


def padded_columns(B: int, dtype: Any) -> int:
    """Columns of a step's arrays: whole registers, or a single column as it is."""
    lanes = register_lanes(dtype)
    return 1 if B == 1 else -(-B // lanes) * lanes


class Units(NamedTuple):
    """How many units a layer has in a step's arrays, and how many are computed at a time."""

    padded: int  # units with their padding: the rows of each gate
    chunk: int  # units of a chunk; the last one may have fewer


@cache
def units_for(n: int, blocks: int, B: int, dtype: Any, threads: int) -> Units:
    """Units in whole registers for a single column, in whole panels for several chunks.

    One thread computes all units in one chunk, because it reads all of h for each chunk.
    """
    if B == 1:
        lanes = register_lanes(dtype)
        n_p = -(-n // lanes) * lanes
        return Units(n_p, n_p)
    if threads == 1 or blocks * n * n * B <= SHARED_STEP_MIN:
        return Units(n, n)
    n_p, chunks = padded_rows(n, B), max(2 * threads, -(-n // CHUNK_MAX))
    return Units(n_p, -(-n_p // (chunks * ROWS)) * ROWS)


def padded_rows(rows: int, B: int) -> int:
    """Rows of a product's result: whole panels, or as they are for a single column."""
    return rows if B == 1 else -(-rows // ROWS) * ROWS


def pack_weights(
    name: str, W: Array, blocks: int, B: int, units: Units, threads: int, scratch: Scratch
) -> Array:
    """W (blocks · n, K) as (panels, K, ROWS), each block padded with rows of 0.

    For a single column the roles change: as (1, K, blocks · n_p), a row for each number of h.
    """
    out = room_for_weights(name, W, blocks, B, units, scratch)
    if B == 1:
        pack_columns(W, blocks, out)
    else:
        _pack_in_threads(pack_panels, W, blocks, units.padded, out, threads)
    return out


def pack_transposed_weights(
    name: str, W: Array, blocks: int, B: int, units: Units, threads: int, scratch: Scratch
) -> Array:
    """Wᵀ as (panels of units, blocks · n_p, ROWS); for a single column (1, blocks · n_p, K_p)."""
    out = room_for_transposed_weights(name, W, blocks, B, units, scratch)
    if B == 1:
        pack_rows(W, blocks, out)
    else:
        _pack_in_threads(pack_transposed_panels, W, blocks, units.padded, out, threads)
    return out


def room_for_weights(
    name: str, W: Array, blocks: int, B: int, units: Units, scratch: Scratch
) -> Array:
    """The buffer of ``pack_weights``."""
    K, n_p = W.shape[1], units.padded
    if B == 1:
        return scratch.array(name, (1, K, blocks * n_p), W.dtype)
    return _panels(name, padded_rows(blocks * n_p, B) // ROWS, K, W.dtype, scratch)


def room_for_transposed_weights(
    name: str, W: Array, blocks: int, B: int, units: Units, scratch: Scratch
) -> Array:
    """The buffer of ``pack_transposed_weights``."""
    n_p = units.padded
    if B == 1:
        return scratch.array(name, (1, blocks * n_p, n_p), W.dtype)
    return _panels(name, padded_rows(n_p, B) // ROWS, blocks * n_p, W.dtype, scratch)


def _panels(name: str, count: int, K: int, dtype: Any, scratch: Scratch) -> Array:
    """A buffer of so many panels (count, K, ROWS), behind which a register can be read."""
    size = count * K * ROWS
    return scratch.array(name, (size + SLACK,), dtype)[:size].reshape(count, K, ROWS)


def _pack_in_threads(
    kernel: Callable[..., None], W: Array, blocks: int, n_p: int, out: Array, threads: int
) -> None:
    """Pack in several threads, a part of the panels each, where W is large."""

    def panels(first: int, last: int) -> None:
        kernel(W, blocks, n_p, out, first, last)

    divide(panels, len(out), threads if W.size >= SHARED_PACKING_MIN else 1)


@partial(kernel, meanwhile=meanwhile.pack_columns)
def pack_columns(W: Any, blocks: int, out: Any) -> None:
    """Row u of each block of W (blocks · n, K) becomes a column, 0 beyond a block's last.

    It goes along the rows of ``out``: a loop along those of W would write a line of the cache for
    each number.
    """
    (_, K, width), n = out.shape, len(W) // blocks
    n_p = width // blocks
    for k in range(K):
        for block in range(blocks):
            for u in range(n):
                out[0, k, block * n_p + u] = W[block * n + u, k]
            for u in range(n, n_p):
                out[0, k, block * n_p + u] = 0


@partial(kernel, meanwhile=meanwhile.pack_rows)
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


@partial(kernel, meanwhile=meanwhile.pack_panels)
def pack_panels(W: Any, blocks: int, n_p: int, out: Any, first: int, last: int) -> None:
    """Row p · ROWS + r of W (blocks · n, K), its blocks padded, becomes row r of panel p."""
    K, n = W.shape[1], len(W) // blocks
    for p in range(first, last):
        for r in range(ROWS):
            block, u = (p * ROWS + r) // n_p, (p * ROWS + r) % n_p
            row, is_weight = block * n + u, block < blocks and u < n
            for k in range(K):
                out[p, k, r] = W[row, k] if is_weight else 0


@partial(kernel, meanwhile=meanwhile.pack_transposed_panels)
def pack_transposed_panels(W: Any, blocks: int, n_p: int, out: Any, first: int, last: int) -> None:
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
    """How many numbers of an array's dtype a register holds, as a constant of the compiler's."""
    return register_lanes(array.dtype)


@overload(lanes_of, strict=False)
def _lanes_of(array: Any) -> Any:
    lanes = VECTOR * 8 // array.dtype.bitwidth
    return lambda array: lanes


_first, _first_half = make_tile(2, False), make_tile(1, False)
_more, _more_half = make_tile(2, True), make_tile(1, True)
_eight, _four, _one = (make_tile(count, False, 1) for count in (8, 4, 1))
_at_once = inline(panels_at_once)
# Few columns are computed as 2, 5 or 8: each further kind of tile would take time to compile.
_two, _five, _eight_columns = (make_narrow_tile(c, panels_at_once(c)) for c in (2, 5, 8))


@inline
def multiply_gates(
    W: Any, blocks: int, n_p: int, first: int, last: int, h: Any, out: Any, count: int
) -> None:
    """out (≥ blocks · n_p, B) = W @ h in the rows of these units in each of ``blocks`` gates."""
    whole = last - first == n_p  # then all gates are one product: a gate may begin within a panel
    for block in range(1 if whole else blocks):
        at = block * n_p + first
        multiply(W, at, at + (blocks * n_p if whole else last - first), h, out[at:], count)


@inline
def multiply(W: Any, first: int, last: int, h: Any, out: Any, count: int) -> None:
    """out = W[first:last] @ h for W packed, ``first`` where a panel begins.

    h is (K, B) and out (rows, B), B padded; ``count`` columns are computed, and the rest of the
    last register that they reach into, or set to 0 there. The backward pass is the same with Wᵀ
    packed.
    """
    if h.shape[1] > 1:
        rows = W.shape[2]
        _tiles(W, first // rows, (last + rows - 1) // rows, h, out, count)
    elif count > 0:
        _column(W, h, out)


@inline
def _tiles(W: Any, first: int, last: int, h: Any, out: Any, count: int) -> None:
    _, K, rows = W.shape
    B, one = h.shape[1], lanes_of(W)
    narrow = count % one
    if 2 * narrow > one or last - first < _at_once(narrow):
        narrow = 0
    wide = (count - narrow + one - 1) // one * one
    for k0 in range(0, K, K_BLOCK):
        depth = min(K_BLOCK, K - k0)
        for p in range(first, last):
            w, to, j = (p * K + k0) * rows, (p - first) * rows * B, 0
            while j + 2 * one <= wide:
                if k0 == 0:
                    _first(W, w, depth, h, j, B, out, to + j)
                else:
                    _more(W, w, depth, h, k0 * B + j, B, out, to + j)
                j += 2 * one
            if j < wide:
                if k0 == 0:
                    _first_half(W, w, depth, h, j, B, out, to + j)
                else:
                    _more_half(W, w, depth, h, k0 * B + j, B, out, to + j)
    if narrow:
        _narrow(W, first, last, h, wide, out, narrow)


@inline
def _narrow(W: Any, first: int, last: int, h: Any, j: int, out: Any, count: int) -> None:
    """Columns j … j + count − 1 of W @ h, and 0 in the rest of their register."""
    (_, K, rows), B, step = W.shape, h.shape[1], _at_once(count)
    for begin in range(first, last, step):
        p = min(begin, last - step)  # the last panels, of which some are computed a second time
        w, to = p * K * rows, (p - first) * rows * B + j
        if count <= 2:
            _two(W, w, K, h, j, B, out, to)
        elif count <= 5:
            _five(W, w, K, h, j, B, out, to)
        else:
            _eight_columns(W, w, K, h, j, B, out, to)


@inline
def _column(W: Any, h: Any, out: Any) -> None:
    """out = Σ_k W[0, k]·h[k] for W (1, K, n), a few registers of one column at a time."""
    _, K, n = W.shape
    j, one = 0, lanes_of(W)
    while j + 8 * one <= n:
        _eight(h, 0, K, W, j, n, out, j)
        j += 8 * one
    while j + 4 * one <= n:
        _four(h, 0, K, W, j, n, out, j)
        j += 4 * one
    if j < n and n >= 4 * one:  # the last registers, of which some are computed a second time
        _four(h, 0, K, W, n - 4 * one, n, out, n - 4 * one)
        return
    while j < n:
        _one(h, 0, K, W, j, n, out, j)
        j += one
