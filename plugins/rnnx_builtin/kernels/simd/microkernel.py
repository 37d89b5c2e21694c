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


def address_at(builder: Any, base: Any, by: Any) -> Any:
    """The address of the number that stands ``by`` numbers behind ``base``."""
    return builder.gep(base, [by if isinstance(by, ir.Value) else ir.Constant(ir.IntType(64), by)])


def _registers(builder: Any, base: Any, vector: Any, count: int) -> list[Any]:
    """Addresses of ``count`` neighbouring vectors."""
    pointer = vector.as_pointer()
    return [
        builder.bitcast(address_at(builder, base, j * vector.count), pointer) for j in range(count)
    ]


def _add_step(builder: Any, sums: Any, weights: Any, columns: Any) -> None:
    """Add to each sum its row's weight times its register of h."""
    vector = columns[0].type
    for r, row in enumerate(sums):
        weight = splat(builder, builder.load(address_at(builder, weights, r)), vector)
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
        out = address_at(builder, out, stride)
    w_k, h_k = cgutils.alloca_once_value(builder, w), cgutils.alloca_once_value(builder, h)
    with cgutils.for_range(builder, depth):
        weights, inputs = builder.load(w_k), builder.load(h_k)
        columns = [
            builder.load(place, align=align) for place in _registers(builder, inputs, vector, count)
        ]
        _add_step(builder, sums, weights, columns)
        builder.store(address_at(builder, weights, rows), w_k)
        builder.store(address_at(builder, inputs, stride), h_k)
    for row, targets in zip(sums, places, strict=True):
        for held, place in zip(row, targets, strict=True):
            builder.store(builder.load(held), place, align=align)


def make_tile(count: int, onto: bool, rows: int = ROWS) -> Callable[..., Any]:
    """The function ``tile(W, w, depth, h, at, stride, out, to)``; all places are flat indices.

    out[to + r·stride + j] = Σ_k W[w + k·rows + r] · h[at + k·stride + j] for ``rows`` rows r and
    ``count`` registers of columns j; with ``onto`` the sums are added to ``out``.
    """

    def emit(builder: Any, vector: Any, w: Any, depth: Any, h: Any, stride: Any, out: Any) -> None:
        _emit(builder, vector, rows, count, onto, (w, depth, h, stride, out))

    return tile_of(emit)


def tile_of(emit: Callable[..., None]) -> Callable[..., Any]:
    """The function ``tile(W, w, depth, h, at, stride, out, to)`` of instructions of ``emit``'s.

    That gets the builder, the type of a register of W's numbers, and as values the address
    W[w], depth, the address h[at], stride and the address out[to].
    """

    @intrinsic
    def tile(
        typing: Any, W: Any, w: Any, depth: Any, h: Any, at: Any, stride: Any, out: Any, to: Any
    ) -> Any:
        place = types.intp

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            def address(kind: Any, array: int, index: int) -> Any:
                base = context.make_array(kind)(context, builder, args[array]).data
                return address_at(builder, base, args[index])

            vector, own = context.get_value_type(Lanes(W.dtype)), (address(W, 0, 1), args[2])
            emit(builder, vector, *own, address(h, 3, 4), args[5], address(out, 6, 7))
            return context.get_dummy_value()

        return types.void(W, place, place, h, place, place, out, place), codegen

    return tile  # type: ignore[no-any-return]
