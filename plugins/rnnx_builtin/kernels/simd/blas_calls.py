"""Products by NumPy's own BLAS, called from within a kernel.

NumPy's wheels bring OpenBLAS with them. A kernel that calls its ``gemm`` with the arguments that
``np.matmul`` would give it gets the same bits, and needs no return to Python between its own loops.
Where NumPy has another BLAS there is no address, and products are ``np.matmul``'s.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

SYMBOLS = "scipy_cblas_{}{}64_"  # a letter for the numbers' type; whole numbers of 64 bits
LETTERS = {"f": "s", "d": "d"}
FOLDERS = ("numpy.libs", ".dylibs")  # of the libraries that a wheel brings, as on Linux and macOS
ROW_MAJOR, AS_IT_IS, TRANSPOSED = 101, 111, 112  # of the C interface of a BLAS


@cache
def product_address(dtype: Any) -> int:
    """Where the BLAS that NumPy's wheel brings has its product of two matrices; 0: nowhere."""
    return _address("gemm", dtype)


@cache
def dot_address(dtype: Any) -> int:
    """Where it has its product of two vectors, which ``np.dot`` calls."""
    return _address("dot", dtype)


def _address(name: str, dtype: Any) -> int:
    from threadpoolctl import ThreadpoolController

    for library in ThreadpoolController().lib_controllers:
        path = Path(library.filepath)
        is_numpys = path.parent.name in FOLDERS and path.parent.parent in Path(np.__file__).parents
        if is_numpys and library.internal_api == "openblas":
            with suppress(AttributeError, KeyError):
                letter = LETTERS[np.dtype(dtype).char]
                function = getattr(library.dynlib, SYMBOLS.format(letter, name))
                return ctypes.cast(function, ctypes.c_void_p).value or 0
    return 0


@intrinsic
def product(
    typing: Any,
    address: Any,
    a: Any,
    is_a_transposed: Any,
    b: Any,
    is_b_transposed: Any,
    out: Any,
    n: Any,
    m: Any,
    k: Any,
) -> Any:
    """out (n, m) = a (n, k) @ b (k, m), each in rows and n, m and k above 1.

    The arrays may be wider than the matrices; a transposed matrix is given as it lies in memory.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        wide, whole, scalar = ir.IntType(64), ir.IntType(32), context.get_value_type(out.dtype)
        size = ir.Constant(wide, out.dtype.bitwidth // 8)

        def matrix(index: int) -> tuple[Any, Any]:
            array = context.make_array(signature.args[index])(context, builder, args[index])
            return array.data, builder.sdiv(builder.extract_value(array.strides, 0), size)

        def order(index: int) -> Any:
            codes = ir.Constant(whole, TRANSPOSED), ir.Constant(whole, AS_IT_IS)
            return builder.select(args[index], *codes)

        function = _interface(scalar, whole, wide)
        one, zero = ir.Constant(scalar, 1.0), ir.Constant(scalar, 0.0)
        orders = ir.Constant(whole, ROW_MAJOR), order(2), order(4)
        given = [*orders, *args[6:9], one, *matrix(1), *matrix(3), zero, *matrix(5)]
        builder.call(builder.inttoptr(args[0], function), given)
        return context.get_dummy_value()

    place, flag = types.int64, types.boolean
    return types.void(place, a, flag, b, flag, out, *[types.int64] * 3), codegen


def _interface(scalar: Any, whole: Any, wide: Any) -> Any:
    """The type of a pointer to ``cblas_sgemm`` or ``cblas_dgemm``."""
    matrix = [scalar.as_pointer(), wide]
    kinds = [*[whole] * 3, *[wide] * 3, scalar, *matrix, *matrix, scalar, *matrix]
    return ir.FunctionType(ir.VoidType(), kinds).as_pointer()


@intrinsic
def squares(typing: Any, address: Any, a: Any) -> Any:
    """a·a of a contiguous vector, by the BLAS's product of two vectors."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        wide, scalar = ir.IntType(64), context.get_value_type(a.dtype)
        array = context.make_array(a)(context, builder, args[1])
        vector = [array.data, ir.Constant(wide, 1)]
        kinds = [wide, *[scalar.as_pointer(), wide] * 2]
        function = builder.inttoptr(args[0], ir.FunctionType(scalar, kinds).as_pointer())
        return builder.call(function, [array.nitems, *vector, *vector])

    return a.dtype(types.int64, a), codegen
