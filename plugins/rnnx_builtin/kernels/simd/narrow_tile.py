"""The microkernel of a product with few columns: registers of rows, a number of h for each column.

The tile of ``microkernel`` computes a whole register of columns, of which a batch of 2 or 50 uses
few in its last one. Here a register holds the rows of a panel of W, and each column costs as much
as it must. A sum adds up the same numbers in the same order, so that its bits are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils

from rnnx_builtin.kernels.simd.compiling import REGISTERS, VECTOR
from rnnx_builtin.kernels.simd.microkernel import ROWS, address_at, tile_of
from rnnx_builtin.kernels.simd.vectors import splat

SLACK = VECTOR // 4  # numbers that may be read beyond the last panel: less than a register


def panels_at_once(columns: int) -> int:
    """So many panels of so few columns that their sums stay in registers, beside what is read."""
    if REGISTERS < 32:
        return 2 if columns <= 2 else 1
    return 2 if columns > 5 else 4


def make_narrow_tile(columns: int, panels: int) -> Callable[..., Any]:
    """The function ``tile(W, w, K, h, at, stride, out, to)``; all places are flat indices.

    W (…, K, ROWS) is packed in panels, of which w is where the first begins. Below each other,
    out[to + r·stride + j] = Σ_k W[w + k·ROWS + r] · h[at + k·stride + j] for the ROWS rows r of
    ``panels`` panels and for ``columns`` columns j; the rest of their register becomes 0.
    """

    def emit(builder: Any, vector: Any, w: Any, K: Any, h: Any, stride: Any, out: Any) -> None:
        size, weights = builder.mul(K, ir.Constant(K.type, ROWS)), [w]
        for _ in range(panels - 1):
            weights.append(address_at(builder, weights[-1], size))
        sums = _sums(builder, vector, weights, K, h, stride, columns)
        _store_rows(builder, sums, out, stride)

    return tile_of(emit)


def _sums(
    builder: Any, vector: Any, panels: list[Any], K: Any, h: Any, stride: Any, columns: int
) -> list[list[Any]]:
    """For each register of rows, panel by panel, its sums of each column."""
    registers = [(w, r) for w in panels for r in range(0, ROWS, vector.count)]
    zero, align = ir.Constant(vector, None), 4 if isinstance(vector.element, ir.FloatType) else 8
    held = [[cgutils.alloca_once_value(builder, zero) for _ in range(columns)] for _ in registers]
    row, of_h = (cgutils.alloca_once_value(builder, ir.Constant(K.type, 0)) for _ in range(2))
    with cgutils.for_range(builder, K):
        at, inputs = builder.load(row), address_at(builder, h, builder.load(of_h))
        numbers = [
            splat(builder, builder.load(address_at(builder, inputs, j)), vector)
            for j in range(columns)
        ]
        for (w, r), sums in zip(registers, held, strict=True):
            place = builder.bitcast(
                address_at(builder, address_at(builder, w, at), r), vector.as_pointer()
            )
            weights = builder.load(place, align=align)
            for number, total in zip(numbers, sums, strict=True):
                part = builder.fmul(weights, number, flags=["contract"])
                builder.store(builder.fadd(builder.load(total), part, flags=["contract"]), total)
        builder.store(builder.add(at, ir.Constant(at.type, ROWS)), row)
        builder.store(builder.add(builder.load(of_h), stride), of_h)
    return [[builder.load(total) for total in sums] for sums in held]


def _store_rows(builder: Any, sums: list[list[Any]], out: Any, stride: Any) -> None:
    """Transpose the registers of rows and store ROWS rows of each panel, one below the other."""
    lanes = sums[0][0].type.count
    pointer, align = sums[0][0].type.as_pointer(), 4 if lanes * 4 == VECTOR else 8
    per_panel = -(-ROWS // lanes)
    wide, none = len(sums[0]), ir.Constant(sums[0][0].type, None)
    apart = _power_of_two(wide)
    for index, columns in enumerate(sums):
        whole = _interleaved(builder, columns + [none] * (apart - wide))
        zeros = ir.Constant(whole.type, None)
        for lane in range(min(lanes, ROWS - index % per_panel * lanes)):
            beyond = whole.type.count
            chosen = [lane * apart + j if j < wide else beyond for j in range(lanes)]
            row = builder.shuffle_vector(whole, zeros, _indices(chosen))
            builder.store(row, builder.bitcast(out, pointer), align=align)
            out = address_at(builder, out, stride)


def _power_of_two(least: int) -> int:
    """The smallest power of two that is at least so large."""
    return 1 << (least - 1).bit_length()


def _interleaved(builder: Any, columns: list[Any]) -> Any:
    """The first number of each of 2ⁿ vectors, then the second of each …"""
    size, lanes = 1, columns[0].type.count
    while len(columns) > 1:
        count = lanes * size
        chosen = [
            side * count + lane * size + i
            for lane in range(lanes)
            for side in range(2)
            for i in range(size)
        ]
        pairs = zip(columns[::2], columns[1::2], strict=True)
        columns = [builder.shuffle_vector(x, y, _indices(chosen)) for x, y in pairs]
        size *= 2
    return columns[0]


def _indices(chosen: list[int]) -> Any:
    return ir.Constant(ir.VectorType(ir.IntType(32), len(chosen)), chosen)
