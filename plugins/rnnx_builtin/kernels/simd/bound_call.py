"""Kernels whose arguments stay where they are, so that a call passes a single pointer.

Numba takes each array of a call apart anew: of 50 arrays that takes 5 µs, as long as the products
of a small network's step. Arguments that stay are laid down in memory once, as the compiled code
has them, and the kernel reads them from there.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numba import typeof, types
from numba.core.registry import cpu_target
from numba.extending import intrinsic

from rnnx_builtin.kernels.simd.compiling import Kernel


def bind(kernel: Kernel, arguments: tuple[Any, ...]) -> Callable[[], object]:
    """What calls ``kernel`` with ``arguments``, nested tuples of arrays and whole numbers.

    The arrays may change, but not their places. A kernel that is only listed is not called.
    """
    memory = np.frombuffer(b"".join(_parts(arguments)), np.int64).copy()
    place = kernel.entry(arguments, lambda: _pointer_to(arguments, memory.nbytes))
    return _Call(place, arguments, memory) if place else lambda: None


class _Call:
    def __init__(self, place: int, arguments: tuple[Any, ...], memory: Any) -> None:
        self._kept = arguments, memory
        self._code = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(place)
        self._at = ctypes.c_void_p(memory.ctypes.data)

    def __call__(self) -> None:
        self._code(self._at)


@intrinsic
def bound(typing: Any, place: Any) -> Any:
    """The arguments that are bound at ``place``, inside the kernel."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.unpack_value(builder, place.dtype, args[0])

    return place.dtype(place), codegen


def _pointer_to(arguments: tuple[Any, ...], size: int) -> Any:
    """The type of the pointer to arguments, which take ``size`` bytes."""
    context, kind = cpu_target.target_context, typeof(arguments)
    assert size == context.get_abi_sizeof(context.get_data_type(kind))
    return types.CPointer(kind)


def _parts(value: Any) -> Iterator[bytes]:
    """The parts of a value in their order: numba's model of an array begins with two owners."""
    if isinstance(value, tuple):
        for part in value:
            yield from _parts(part)
    elif isinstance(value, np.ndarray):
        whole = 0, 0, value.size, value.itemsize, value.ctypes.data, *value.shape, *value.strides
        yield np.array(whole, np.int64).tobytes()
    else:
        yield np.int64(value).tobytes()
