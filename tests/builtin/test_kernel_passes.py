"""A kernel is compiled by fewer passes than numba's, to the same instructions."""

import re
from typing import Any

import pytest

numba = pytest.importorskip("numba", reason="the extra 'fast' is not installed")

from numba.core import compiler  # noqa: E402
from numba.core.codegen import CPUCodeLibrary  # noqa: E402

from rnnx_builtin.kernels.rnn import packing, sequence  # noqa: E402
from rnnx_builtin.kernels.simd import gemm  # noqa: E402
from rnnx_builtin.kernels.simd.compiling import OPTIONS  # noqa: E402
from rnnx_builtin.kernels.simd.passes import WITHOUT, KernelCompiler  # noqa: E402

INTEGER = numba.types.int64
FLOATS, INTEGERS = numba.float32[:, ::1], numba.int64[:, ::1]


def instructions(kernel: Any, types: tuple[Any, ...], compile_with: type) -> str:
    """What numba makes of a kernel before LLVM optimizes it, without names' numbers and lengths."""
    found: list[str] = []

    class Library(CPUCodeLibrary):  # type: ignore[misc]
        def _optimize_final_module(self) -> None:
            found.append(str(self._final_module))

    optimize = CPUCodeLibrary._optimize_final_module
    CPUCodeLibrary._optimize_final_module = Library._optimize_final_module
    try:
        function = kernel.py_func
        numba.njit(pipeline_class=compile_with, **OPTIONS)(function).compile(types)
    finally:
        CPUCodeLibrary._optimize_final_module = optimize
    code = "\n".join(line for line in found[-1].splitlines() if not line.startswith("@"))
    return re.sub(r"B\d+v\d+(?=B\d)|\$\d+|\[\d+ x i8\]", "", code)


@pytest.mark.parametrize(
    ("kernel", "types"),
    [
        (gemm.pack_panels, (FLOATS, *[INTEGER] * 2, numba.float32[:, :, ::1], *[INTEGER] * 2)),
        (packing.put_back, (FLOATS, INTEGERS, INTEGER, FLOATS)),
        (
            sequence.prepare_table,
            (
                *[FLOATS] * 2,
                INTEGERS,
                numba.int64[::1],
                FLOATS,
                numba.uint32[:, ::1],
                numba.bool_[::1],
            ),
        ),
    ],
)
def test_passes_that_are_left_out_change_no_instruction(
    kernel: Any, types: tuple[Any, ...]
) -> None:
    assert instructions(kernel, types, KernelCompiler) == instructions(
        kernel, types, compiler.Compiler
    )


def test_passes_that_are_left_out_are_numbas() -> None:
    """A pass that is renamed would be run again, and nobody would notice."""
    names: list[str] = []

    class Names(compiler.Compiler):  # type: ignore[misc]
        def define_pipelines(self) -> Any:
            managers = super().define_pipelines()
            names.extend(one[0].name() for manager in managers for one in manager.passes)
            return managers

    numba.njit("int64(int64)", pipeline_class=Names)(lambda x: x)
    assert set(names) >= WITHOUT
