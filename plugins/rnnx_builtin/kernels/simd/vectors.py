"""SIMD vectors as values in kernels: load, arithmetic, store.

The compiler's own vectoriser gives up on loops over as many arrays as a gate reads and writes,
because any two of them might overlap. Here the width is explicit: ``load`` reads LANES numbers,
``+ − · /`` work on all of them (also with a plain number), ``store`` writes them back.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, lower_builtin, models, register_model, type_callable

from rnnx_builtin.kernels.simd.compiling import VECTOR


class Lanes(types.Type):  # type: ignore[misc]
    """LANES float32 or float64 in one register."""

    def __init__(self, scalar: Any) -> None:
        self.scalar = scalar
        self.count = VECTOR * 8 // scalar.bitwidth
        super().__init__(name=f"Lanes({scalar}, {self.count})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Lanes) -> None:
        scalar = ir.FloatType() if kind.scalar == types.float32 else ir.DoubleType()
        super().__init__(manager, kind, ir.VectorType(scalar, kind.count))


def splat(builder: Any, value: Any, vector: Any) -> Any:
    """The scalar ``value`` in every lane."""
    index = ir.IntType(32)
    undefined = ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(undefined, value, ir.Constant(index, 0))
    return builder.shuffle_vector(
        one, undefined, ir.Constant(ir.VectorType(index, vector.count), [0] * vector.count)
    )


def _address(context: Any, builder: Any, kind: Any, array: Any, place: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    vector = context.get_value_type(Lanes(kind.dtype))
    return builder.bitcast(builder.gep(data, [place]), vector.as_pointer())


@intrinsic
def load(typing: Any, array: Any, place: Any) -> Any:
    """Read LANES neighbours of a C-contiguous array, from the flat index ``place`` on."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        at = _address(context, builder, array, *args)
        return builder.load(at, align=array.dtype.bitwidth // 8)

    return Lanes(array.dtype)(array, types.intp), codegen


@intrinsic
def load_from(typing: Any, steps: Any, t: Any, row: Any, column: Any) -> Any:
    """Read LANES neighbours of steps[t, row] from ``column`` on; t and row may have any stride."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, args[0])
        strides = cgutils.unpack_tuple(builder, array.strides)
        parts = [builder.mul(i, s) for i, s in zip(args[1:], strides, strict=True)]
        data = builder.bitcast(array.data, ir.IntType(8).as_pointer())
        at = builder.gep(data, [builder.add(builder.add(parts[0], parts[1]), parts[2])])
        vector = context.get_value_type(signature.return_type)
        place = builder.bitcast(at, vector.as_pointer())
        return builder.load(place, align=steps.dtype.bitwidth // 8)

    return Lanes(steps.dtype)(steps, types.intp, types.intp, types.intp), codegen


@intrinsic
def zeros_of(typing: Any, array: Any) -> Any:
    """LANES zeros of an array's dtype."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return ir.Constant(context.get_value_type(signature.return_type), None)

    return Lanes(array.dtype)(array), codegen


@intrinsic
def store(typing: Any, array: Any, place: Any, value: Any) -> Any:
    """Write LANES neighbours from the flat index ``place`` on."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        at = _address(context, builder, array, *args[:2])
        builder.store(args[2], at, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, Lanes(array.dtype)), codegen


def _as_lanes(context: Any, builder: Any, kind: Any, value: Any, wanted: Lanes) -> Any:
    if isinstance(kind, Lanes):
        return value
    scalar = context.cast(builder, value, kind, wanted.scalar)
    return splat(builder, scalar, context.get_value_type(wanted))


def _make_operator(symbol: Callable[..., Any], name: str) -> None:
    """Compile ``symbol`` of two Lanes, or of Lanes and a number, to the instruction ``name``."""

    @type_callable(symbol)
    def type_of(context: Any) -> Any:
        def typer(x: Any, y: Any) -> Any:
            for side, other in ((x, y), (y, x)):
                if isinstance(side, Lanes) and isinstance(other, (Lanes, types.Number)):
                    return side
            return None

        return typer

    def lower(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pair = zip(signature.args, args, strict=True)
        sides = [_as_lanes(context, builder, k, v, signature.return_type) for k, v in pair]
        # "contract" allows a product and a sum to become one fused instruction, nothing else.
        return getattr(builder, name)(*sides, flags=["contract"])

    for sides in ((Lanes, Lanes), (Lanes, types.Number), (types.Number, Lanes)):
        lower_builtin(symbol, *sides)(lower)


for _symbol, _name in ((operator.add, "fadd"), (operator.sub, "fsub")):
    _make_operator(_symbol, _name)
for _symbol, _name in ((operator.mul, "fmul"), (operator.truediv, "fdiv")):
    _make_operator(_symbol, _name)


def _choice(test: str) -> Callable[..., Any]:
    @intrinsic
    def choice(typing: Any, x: Any, bound: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            limit = _as_lanes(context, builder, signature.args[1], args[1], x)
            return builder.select(builder.fcmp_ordered(test, args[0], limit), limit, args[0])

        return x(x, bound), codegen

    return choice  # type: ignore[no-any-return]


at_most = _choice(">")
"""``at_most(x, bound)``: the smaller of the two; a NaN in x stays NaN."""
at_least = _choice("<")
"""``at_least(x, bound)``: the larger of the two; a NaN in x stays NaN."""


@intrinsic
def where_positive(typing: Any, x: Any, y: Any) -> Any:
    """y where x > 0, else 0."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        zero = ir.Constant(args[0].type, None)
        return builder.select(builder.fcmp_ordered(">", args[0], zero), args[1], zero)

    return x(x, x), codegen


@intrinsic
def sum_of(typing: Any, x: Any) -> Any:
    """The sum of the lanes, by adding one half to the other until one is left."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        index, (value,) = ir.IntType(32), args
        kind, left = value.type, value.type.count
        while left > 1:
            left //= 2
            moved = [(place + left) % kind.count for place in range(kind.count)]
            other = builder.shuffle_vector(
                value, value, ir.Constant(ir.VectorType(index, kind.count), moved)
            )
            value = builder.fadd(value, other)
        return builder.extract_element(value, ir.Constant(index, 0))

    return x.scalar(x), codegen


@intrinsic
def rounded(typing: Any, x: Any) -> Any:
    """The nearest integer of each lane."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = args[0].type
        name = f"llvm.nearbyint.v{kind.count}f{x.scalar.bitwidth}"
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(kind, [kind]), name
        )
        return builder.call(function, args)

    return x(x), codegen


@intrinsic
def power_of_two(typing: Any, x: Any) -> Any:
    """2ˣ of integers within the exponent's range: x becomes the exponent's bits."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        bits = x.scalar.bitwidth
        fraction, bias = (23, 127) if bits == 32 else (52, 1023)
        whole = ir.VectorType(ir.IntType(bits), args[0].type.count)
        biased = builder.add(builder.fptosi(args[0], whole), ir.Constant(whole, [bias] * x.count))
        shifted = builder.shl(biased, ir.Constant(whole, [fraction] * x.count))
        return builder.bitcast(shifted, args[0].type)

    return x(x), codegen
