"""The passes by which numba compiles a kernel: its own, without those that find nothing in one.

Most of the time of compiling a kernel goes into numba, which is Python, and each pass walks through
each function. Left out are the passes for what no kernel has: closures, ``with`` blocks, loops over
tuples, functions that numba is to inline, expressions of whole arrays, and arguments that must be
literals. What is left gives the same instructions (``tests/builtin/test_kernel_passes.py``).
"""

from __future__ import annotations

from typing import Any

from numba.core import compiler

WITHOUT = frozenset(
    {
        "with_lifting",
        "inline_closure_likes",
        "make_function_op_code_to_jit_function",
        "inline_inlinables",
        "inline_overloads",
        "find_literally",
        "literal_unroll",
        "nopython_rewrites",
    }
)


class KernelCompiler(compiler.Compiler):  # type: ignore[misc]
    """Numba's compiler, with the passes that kernels need."""

    def define_pipelines(self) -> Any:
        """Numba's passes but for some."""
        managers = super().define_pipelines()
        for manager in managers:
            manager.passes = [one for one in manager.passes if one[0].name() not in WITHOUT]
            manager.finalize()
        return managers
