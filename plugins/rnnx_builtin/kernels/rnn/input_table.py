"""Add the input's part to the gates: rows of a table of symbols become columns of a step.

The gates of a step are (rows, columns of the batch), so the numbers that a symbol adds to one
column lie far apart there, while in the table they are neighbours. A square of LANES units by LANES
columns is transposed in registers, which is faster than looking up each number.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from rnnx_builtin.kernels.simd.compiling import inline
from rnnx_builtin.kernels.simd.gemm import lanes_of
from rnnx_builtin.kernels.simd.vectors import Lanes, load, store


@inline
def add_to_gates(
    a: Any, table: Any, ids: Any, blocks: int, n: int, n_p: int, first: int, last: int, count: int
) -> None:
    """a[block · n_p + u, b] += table[ids[b], block · n + u] for these units and columns.

    ``table`` is (symbols, ≥ blocks · n); there are as many ids as a has columns.
    """
    upto = min(last, n)
    for block in range(blocks):
        if a.shape[1] == 1:
            _add_column(a, block * n_p, table, ids[0], block * n, n)
        else:
            _add_rows(a, block * n_p, table, ids, block * n, first, upto, count)


@inline
def _add_column(a: Any, to: int, table: Any, k: int, of: int, rows: int) -> None:
    start, lanes, u = k * table.shape[1] + of, lanes_of(a), 0
    while u + lanes <= rows:
        store(a, to + u, load(a, to + u) + load(table, start + u))
        u += lanes
    for rest in range(u, rows):
        a[to + rest, 0] += table[k, of + rest]


@inline
def _add_rows(
    a: Any, to: int, table: Any, ids: Any, of: int, first: int, last: int, count: int
) -> None:
    lanes, B, u = lanes_of(a), a.shape[1], first
    while u + lanes <= last:
        for b in range(0, count, lanes):
            _add_square(a, (to + u) * B + b, B, table, of + u, table.shape[1], ids, b)
        u += lanes
    for b in range(count):
        for rest in range(u, last):
            a[to + rest, b] += table[ids[b], of + rest]


@intrinsic
def _add_square(
    typing: Any,
    a: Any,
    to: Any,
    stride: Any,
    table: Any,
    of: Any,
    width: Any,
    ids: Any,
    first: Any,
) -> Any:
    """a[to + i · stride + j] += table[ids[first + j] · width + of + i] for i and j below LANES.

    All indices are flat.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def base(index: int) -> Any:
            return context.make_array(signature.args[index])(context, builder, args[index]).data

        vector, wide = context.get_value_type(Lanes(a.dtype)), ir.IntType(64)
        pointer, align = vector.as_pointer(), a.dtype.bitwidth // 8
        chosen, source, rows = builder.gep(base(6), [args[7]]), base(3), []
        for j in range(vector.count):
            k = builder.load(builder.gep(chosen, [ir.Constant(wide, j)]))
            place = builder.add(builder.mul(builder.zext(k, wide), args[5]), args[4])
            row = builder.bitcast(builder.gep(source, [place]), pointer)
            rows.append(builder.load(row, align=align))
        target = builder.gep(base(0), [args[1]])
        for column in _transpose(builder, rows):
            place = builder.bitcast(target, pointer)
            builder.store(builder.fadd(builder.load(place, align=align), column), place, align)
            target = builder.gep(target, [args[2]])
        return context.get_dummy_value()

    place = types.intp
    return types.void(a, place, place, table, place, place, ids, place), codegen


@intrinsic
def add_square_by_place(
    typing: Any, out: Any, dz: Any, at: Any, stride: Any, places: Any, first: Any
) -> Any:
    """out[places[first + j], i] += dz[at + i · stride + j] for i and j below LANES, j by j.

    ``out`` is (·, LANES); ``at`` is a flat index.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def base(index: int) -> Any:
            return context.make_array(signature.args[index])(context, builder, args[index]).data

        vector, wide = context.get_value_type(Lanes(dz.dtype)), ir.IntType(64)
        pointer, align = vector.as_pointer(), dz.dtype.bitwidth // 8
        source, rows = builder.gep(base(1), [args[2]]), []
        for _ in range(vector.count):
            rows.append(builder.load(builder.bitcast(source, pointer), align=align))
            source = builder.gep(source, [args[3]])
        chosen, target = builder.gep(base(4), [args[5]]), base(0)
        for j, column in enumerate(_transpose(builder, rows)):
            k = builder.load(builder.gep(chosen, [ir.Constant(wide, j)]))
            flat = builder.mul(builder.zext(k, wide), ir.Constant(wide, vector.count))
            place = builder.bitcast(builder.gep(target, [flat]), pointer)
            builder.store(builder.fadd(builder.load(place, align=align), column), place, align)
        return context.get_dummy_value()

    place = types.intp
    return types.void(out, dz, place, place, places, place), codegen


def _transpose(builder: Any, rows: list[Any]) -> list[Any]:
    """Transpose a square of registers, by exchanging blocks of 1, 2, 4, … lanes."""
    rows, count = list(rows), len(rows)
    index = ir.VectorType(ir.IntType(32), count)
    size = 1
    while size < count:
        # Of two rows x and y, lane by lane: x's block, or y's from ``size`` lanes before …
        upper = [lane if not lane & size else count + lane - size for lane in range(count)]
        # … and x's from ``size`` lanes after, or y's.
        lower = [lane + size if not lane & size else count + lane for lane in range(count)]
        for i in range(count):
            if not i & size:
                x, y = rows[i], rows[i + size]
                rows[i] = builder.shuffle_vector(x, y, ir.Constant(index, upper))
                rows[i + size] = builder.shuffle_vector(x, y, ir.Constant(index, lower))
        size *= 2
    return rows
