"""Parts of kernels: compiled only as parts of the kernels that call them.

Numba compiles each function that a kernel calls as if it were called from Python, too: it optimizes
it by itself and makes machine code of it, and then does all this once more with the kernel, into
which LLVM copies it. A third of the time of compiling an LSTM went into code that nothing runs.
A part ends here as instructions of LLVM's, which are optimized where they are used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba.core.codegen import JITCodeLibrary

from rnnx_builtin.kernels.simd.passes import KernelCompiler


class PartLibrary(JITCodeLibrary):  # type: ignore[misc]
    """The code of a part, which others link and nothing calls."""

    @property
    def codegen(self) -> Any:
        """What numba asks to tell compiled code its environment, which a part has none of."""
        return _WithoutEnvironment(self._codegen)

    def get_pointer_to_function(self, name: str) -> int:
        """No address: there is no machine code."""
        self._ensure_finalized()
        return 0

    def add_llvm_module(self, ll_module: Any) -> None:
        """Add instructions as they are."""
        ll_module.data_layout = self._codegen._data_layout
        self._final_module.link_in(ll_module)

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True


class _WithoutEnvironment:
    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def set_env(self, name: str, env: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)


class PartCompiler(KernelCompiler):
    """The compiler of kernels, with the code in a :class:`PartLibrary`."""

    def define_pipelines(self) -> Any:
        """The passes of kernels."""
        state = self.state
        state.library = PartLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        return super().define_pipelines()


def part_of_kernels(function: Callable[..., Any], **options: Any) -> Any:
    """The function for kernels to call, with numba's ``options``."""
    options = {"no_cpython_wrapper": True, "pipeline_class": PartCompiler, **options}
    return numba.njit(**options)(function)
