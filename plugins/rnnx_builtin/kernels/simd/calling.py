"""Kernels that call kernels by the address of their code.

A kernel that calls another by its name is compiled with a copy of it: the time loops of a cell
take seconds to compile, and would be compiled twice. By its address it is called as it is, with the
same bits. The types of the arguments are not checked: whoever asks for the address gives arguments
of the types that the call will have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from rnnx.arrays import Array
from rnnx_builtin.kernels.simd.compiling import Kernel


def addresses(first: Sequence[int], calls: Sequence[tuple[Kernel, tuple[Any, ...]]]) -> Array:
    """``first``, and where kernels for such arguments are; all 0 where one is only listed."""
    own = [kernel.address(*arguments) for kernel, arguments in calls]
    found = np.array([*first, *own], np.int64)
    return found if found.all() else np.zeros_like(found)


def _caller(returned: Any) -> Any:
    """An intrinsic ``call(address, arguments)`` of a kernel that returns such a value."""

    def call(typing: Any, address: Any, arguments: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, given: Any) -> Any:
            kinds, convention = list(arguments), context.call_conv
            function = convention.get_function_type(returned, kinds).as_pointer()
            code = builder.inttoptr(given[0], function)
            parts = cgutils.unpack_tuple(builder, given[1])
            _, value = convention.call_function(builder, code, returned, kinds, parts)
            return value

        return returned(types.int64, arguments), codegen

    return intrinsic(call)


call = _caller(types.none)
call_for_number = _caller(types.float64)
call_for_counts = _caller(types.UniTuple(types.int64, 2))
