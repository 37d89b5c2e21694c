"""The microkernel of a product with few columns: registers of rows, a number of h for each column.

The tile of ``microkernel`` computes a whole register of columns, of which a batch of 2 or 50 uses
few in its last one. Here a register holds the rows of a panel of W, and each column costs as much
as it must. A sum adds up the same numbers in the same order, so that its bits are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from rnnx_builtin.kernels.simd.compiling import REGISTERS, VECTOR
from rnnx_builtin.kernels.simd.microkernel import ROWS
from rnnx_builtin.kernels.simd.vectors import Lanes, splat

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

    @intrinsic
    def tile(
        typing: Any, W: Any, w: Any, K: Any, h: Any, at: Any, stride: Any, out: Any, to: Any
    ) -> Any:
        place = types.intp

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            def address(kind: Any, array: int, index: int) -> Any:
                base = context.make_array(kind)(context, builder, args[array]).data
                return _at(builder, base, args[index])

            vector = context.get_value_type(Lanes(W.dtype))
            size = builder.mul(args[2], ir.Constant(args[2].type, ROWS))
            weights = [address(W, 0, 1)]
            for _ in range(panels - 1):
                weights.append(_at(builder, weights[-1], size))
            sums = _sums(builder, vector, weights, args[2], address(h, 3, 4), args[5], columns)
            _store_rows(builder, sums, address(out, 6, 7), args[5])
            return context.get_dummy_value()

        return types.void(W, place, place, h, place, place, out, place), codegen

    return tile  # type: ignore[no-any-return]


def _at(builder: Any, base: Any, by: Any) -> Any:
    return builder.gep(base, [by if isinstance(by, ir.Value) else ir.Constant(ir.IntType(64), by)])


def _sums(
    builder: Any, vector: Any, panels: list[Any], K: Any, h: Any, stride: Any, columns: int
) -> list[list[Any]]:
    """For each register of rows, panel by panel, its sums of each column."""
    registers = [(w, r) for w in panels for r in range(0, ROWS, vector.count)]
    zero, align = ir.Constant(vector, None), 4 if isinstance(vector.element, ir.FloatType) else 8
    held = [[cgutils.alloca_once_value(builder, zero) for _ in range(columns)] for _ in registers]
    row, of_h = (cgutils.alloca_once_value(builder, ir.Constant(K.type, 0)) for _ in range(2))
    with cgutils.for_range(builder, K):
        at, inputs = builder.load(row), _at(builder, h, builder.load(of_h))
        numbers = [
            splat(builder, builder.load(_at(builder, inputs, j)), vector) for j in range(columns)
        ]
        for (w, r), sums in zip(registers, held, strict=True):
            place = builder.bitcast(_at(builder, _at(builder, w, at), r), vector.as_pointer())
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
            out = _at(builder, out, stride)


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
