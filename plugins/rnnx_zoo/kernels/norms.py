"""Layer norms inside a kernel: over all units, in the columns of a step.

A chunk writes the rows of its own units, for which it computes the means of all, in one order.
Blocks are n_p rows apart, of which n are units.
"""

from __future__ import annotations

from typing import Any

from rnnx_builtin.kernels.simd.compiling import inline
from rnnx_builtin.kernels.simd.gemm import lanes_of
from rnnx_builtin.kernels.simd.vectors import load, store, zeros_of
from rnnx_zoo.norm_of_rows import EPSILON


@inline
def normalize(
    a: Any, blocks: int, n: int, n_p: int, first: int, last: int, inverse: Any, out: Any, count: int
) -> None:
    """out = N(a) in the rows of these units; ``inverse`` (B_p,) = 1 / √(var a + ε)."""
    B, lanes, share = a.shape[1], lanes_of(a), 1.0 / (blocks * n)
    if B == 1:
        _normalize_column(a, blocks, n, n_p, inverse, out)
        return
    for b in range(0, count, lanes):
        total = zeros_of(a)
        for block in range(blocks):
            for u in range(block * n_p, block * n_p + n):
                total = total + load(a, u * B + b)
        mean, squares = total * share, zeros_of(a)
        for block in range(blocks):
            for u in range(block * n_p, block * n_p + n):
                centred = load(a, u * B + b) - mean
                squares = squares + centred * centred
        store(inverse, b, squares * share)
        for lane in range(b, b + lanes):
            inverse[lane] = 1 / (inverse[lane] + EPSILON) ** 0.5
        scale = load(inverse, b)
        for block in range(blocks):
            for u in range(block * n_p + first, block * n_p + last):
                store(out, u * B + b, (load(a, u * B + b) - mean) * scale)


@inline
def _normalize_column(a: Any, blocks: int, n: int, n_p: int, inverse: Any, out: Any) -> None:
    """The same for a single column, which is one chunk."""
    mean, square, share = 0.0, 0.0, 1.0 / (blocks * n)
    for block in range(blocks):
        for u in range(block * n_p, block * n_p + n):
            mean += a[u, 0] * share
    for block in range(blocks):
        for u in range(block * n_p, block * n_p + n):
            square += (a[u, 0] - mean) ** 2 * share
    inverse[0] = 1 / (square + EPSILON) ** 0.5
    for u in range(blocks * n_p):
        out[u, 0] = (a[u, 0] - mean) * inverse[0]


@inline
def normalize_back(
    d: Any,
    hat: Any,
    blocks: int,
    n: int,
    n_p: int,
    first: int,
    last: int,
    inverse: Any,
    out: Any,
    count: int,
) -> None:
    """out = the gradient by a from d, that by hat = N(a), in the rows of these units."""
    B, lanes, share = d.shape[1], lanes_of(d), 1.0 / (blocks * n)
    if B == 1:
        _column_back(d, hat, blocks, n, n_p, inverse, out)
        return
    for b in range(0, count, lanes):
        total, products, scale = zeros_of(d), zeros_of(d), load(inverse, b)
        for block in range(blocks):
            for u in range(block * n_p, block * n_p + n):
                one = load(d, u * B + b)
                total = total + one
                products = products + one * load(hat, u * B + b)
        mean, product = total * share, products * share
        for block in range(blocks):
            for u in range(block * n_p + first, block * n_p + min(last, n)):
                e = u * B + b
                store(out, e, (load(d, e) - mean - load(hat, e) * product) * scale)


@inline
def _column_back(d: Any, hat: Any, blocks: int, n: int, n_p: int, inverse: Any, out: Any) -> None:
    """The same for a single column."""
    mean, product, share = 0.0, 0.0, 1.0 / (blocks * n)
    for block in range(blocks):
        for u in range(block * n_p, block * n_p + n):
            mean += d[u, 0] * share
            product += d[u, 0] * hat[u, 0] * share
    for block in range(blocks):
        for u in range(block * n_p, block * n_p + n):
            out[u, 0] = (d[u, 0] - mean - hat[u, 0] * product) * inverse[0]
