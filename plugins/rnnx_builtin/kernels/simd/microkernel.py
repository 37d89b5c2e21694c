"""The microkernel of a product: a tile of sums that stay in registers while k runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from rnnx_builtin.kernels.simd.compiling import REGISTERS
from rnnx_builtin.kernels.simd.vectors import Lanes, splat

ROWS = 12 if REGISTERS == 32 else 6  # 2 registers a row, 2 of h and a broadcast weight all fit


def _at(builder: Any, base: Any, by: Any) -> Any:
    return builder.gep(base, [by if isinstance(by, ir.Value) else ir.Constant(ir.IntType(64), by)])


def _registers(builder: Any, base: Any, vector: Any, count: int) -> list[Any]:
    """Addresses of ``count`` neighbouring vectors."""
    pointer = vector.as_pointer()
    return [builder.bitcast(_at(builder, base, j * vector.count), pointer) for j in range(count)]


def _add_step(builder: Any, sums: Any, weights: Any, columns: Any) -> None:
    """Add to each sum its row's weight times its register of h."""
    vector = columns[0].type
    for r, row in enumerate(sums):
        weight = splat(builder, builder.load(_at(builder, weights, r)), vector)
        for held, column in zip(row, columns, strict=True):
            part = builder.fmul(weight, column, flags=["contract"])
            builder.store(builder.fadd(builder.load(held), part, flags=["contract"]), held)


def _emit(builder: Any, vector: Any, rows: int, count: int, onto: bool, args: Any) -> None:
    w, depth, h, stride, out = args
    align = 4 if isinstance(vector.element, ir.FloatType) else 8
    sums = [[cgutils.alloca_once(builder, vector) for _ in range(count)] for _ in range(rows)]
    places = []
    for row in sums:
        places.append(_registers(builder, out, vector, count))
        for held, place in zip(row, places[-1], strict=True):
            zero = ir.Constant(vector, None)
            builder.store(builder.load(place, align=align) if onto else zero, held)
        out = _at(builder, out, stride)
    w_k, h_k = cgutils.alloca_once_value(builder, w), cgutils.alloca_once_value(builder, h)
    with cgutils.for_range(builder, depth):
        weights, inputs = builder.load(w_k), builder.load(h_k)
        columns = [
            builder.load(place, align=align) for place in _registers(builder, inputs, vector, count)
        ]
        _add_step(builder, sums, weights, columns)
        builder.store(_at(builder, weights, rows), w_k)
        builder.store(_at(builder, inputs, stride), h_k)
    for row, targets in zip(sums, places, strict=True):
        for held, place in zip(row, targets, strict=True):
            builder.store(builder.load(held), place, align=align)


def make_tile(count: int, onto: bool, rows: int = ROWS) -> Callable[..., Any]:
    """The function ``tile(W, w, depth, h, at, stride, out, to)``; all places are flat indices.

    out[to + r·stride + j] = Σ_k W[w + k·rows + r] · h[at + k·stride + j] for ``rows`` rows r and
    ``count`` registers of columns j; with ``onto`` the sums are added to ``out``.
    """

    @intrinsic
    def tile(
        typing: Any, W: Any, w: Any, depth: Any, h: Any, at: Any, stride: Any, out: Any, to: Any
    ) -> Any:
        place = types.intp

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            def address(kind: Any, array: int, index: int) -> Any:
                base = context.make_array(kind)(context, builder, args[array]).data
                return _at(builder, base, args[index])

            places = (
                address(W, 0, 1),
                args[2],
                address(h, 3, 4),
                args[5],
                address(out, 6, 7),
            )
            _emit(builder, context.get_value_type(Lanes(W.dtype)), rows, count, onto, places)
            return context.get_dummy_value()

        return types.void(W, place, place, h, place, place, out, place), codegen

    return tile  # type: ignore[no-any-return]
