"""Compile kernels for this processor, and cache the code."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba
from numba._dispatcher import compute_fingerprint
from numba.core.registry import CPUDispatcher

from rnnx.errors import ConfigError
from rnnx.system.files import cache_folder, other_writers
from rnnx.system.kernels import Call, Coming, is_listed, kernels_folder
from rnnx_builtin.kernels.simd.kernel_files import KernelFiles
from rnnx_builtin.kernels.simd.parts import part_of_kernels
from rnnx_builtin.kernels.simd.passes import KernelCompiler


def _vector_bytes() -> tuple[int, int]:
    """``bytes, count``: the size of a vector register, and how many there are."""
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        return 64, 32
    if features.get("avx2") and features.get("fma"):
        return 32, 16
    return 16, 32 if features.get("neon") else 16


VECTOR, REGISTERS = _vector_bytes()


@cache
def _folder(package: Path = Path(__file__).parent) -> Path:
    """The cache folder of this source text: a changed function must not meet old callers' code.

    It is the text of these kernels, and of those in the folder ``package`` that are made of them.
    ConfigError where somebody else may write into it: numba runs what it finds there.
    """
    sha = hashlib.sha256(numba.__version__.encode())
    own = Path(__file__).parents[1]
    for path in sorted({*own.rglob("*.py"), *package.rglob("*.py")}):
        sha.update(path.read_bytes())
    folder = kernels_folder() / sha.hexdigest()[:16]
    with suppress(OSError):  # a folder that cannot be written: see kernel()
        cache_folder().mkdir(parents=True, exist_ok=True)
        for path in (folder.parent, folder):
            path.mkdir(mode=0o700, exist_ok=True)
    for path in (cache_folder(), folder.parent, folder):
        if others := other_writers(path):
            raise ConfigError(
                f"{path}: {others} may write there, and compiled code that is loaded from it would "
                f"run as you; name a folder of your own in RNNX_CACHE, or say: chmod go-w {path}"
            )
    return folder


# Kernels hold no references: their arguments outlive the call.
OPTIONS = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True, "_nrt": False}


def kernel(function: Callable[..., Any], meanwhile: Callable[..., Any] | None = None) -> Any:
    """Compile at the first call for each dtype, and keep the code in rnnx's cache folder.

    A kernel allocates nothing. Where the folder cannot be written, each process compiles it.
    ``meanwhile`` computes the same bits in NumPy, so that a run need not wait for the kernel.
    """
    return _kernel(function, OPTIONS, meanwhile)


def bound_kernel(function: Callable[..., Any]) -> Any:
    """A kernel that is called by the place of its code alone: see ``bound_call``."""
    return _kernel(function, {**OPTIONS, "no_cfunc_wrapper": False, "no_cpython_wrapper": True})


def _kernel(
    function: Callable[..., Any],
    options: dict[str, Any],
    meanwhile: Callable[..., Any] | None = None,
) -> Any:
    compiled = numba.njit(pipeline_class=KernelCompiler, **options)(function)
    compiled.__class__, compiled.places = Kernel, {}
    compiled.meanwhile, compiled.coming = meanwhile, None
    folder = _folder(Path(function.__code__.co_filename).parent)
    compiled._cache = KernelFiles(folder, function)
    return compiled


class Kernel(CPUDispatcher):  # type: ignore[misc]
    """A function that numba compiles, with files of compiled code."""

    places: dict[bytes, int]  # of the code for arguments of a kind
    meanwhile: Callable[..., Any] | None
    coming: Coming | None

    def _compile_for_args(self, *args: Any, **kws: Any) -> Any:
        if self._is_listed(tuple(map(self.typeof_pyval, args))):
            nothing = NOTHING[self.py_func.__annotations__["return"]]
            return lambda *args: nothing
        if self.meanwhile and self.is_coming():
            return self.meanwhile
        return super()._compile_for_args(*args, **kws)

    def address(self, *arguments: Any) -> int:
        """Where the code for arguments of these types is; 0 if it is only to be listed."""
        kinds = compute_fingerprint(arguments)  # the types take a hundred times as long
        if kinds in self.places:
            return self.places[kinds]
        found = self._compiled(tuple(map(self.typeof_pyval, arguments)))
        if found is None:
            return 0
        place: int = found.library.get_pointer_to_function(found.fndesc.llvm_func_name)
        self.places[kinds] = place
        return place

    def entry(self, arguments: tuple[Any, ...], kind: Callable[[], Any]) -> int:
        """Where C finds the code of a ``bound_kernel`` for such arguments, as ``address``.

        ``kind`` makes the type of the pointer to them.
        """
        kinds = compute_fingerprint(arguments)
        if kinds not in self.places:
            found = self._compiled((kind(),))
            if found is None:
                return 0
            name = found.fndesc.llvm_cfunc_wrapper_name
            self.places[kinds] = found.library.get_pointer_to_function(name)
        return self.places[kinds]

    def _compiled(self, types: tuple[Any, ...]) -> Any:
        """The code for arguments of these types; None if it is only to be listed."""
        if types not in self.overloads:
            if self._is_listed(types):
                return None
            self.compile(types)
        return self.overloads[types]

    def _is_listed(self, types: Any) -> bool:
        """List this kernel if that is all that is to be done; whether it was."""
        function = self.py_func
        size = len(function.__code__.co_names)
        return is_listed(Call(function.__module__, function.__name__, types, size))

    def is_coming(self) -> bool:
        """Whether it is being compiled while something else stands in its place."""
        if self.coming is not None and self.coming.has_ended():
            self.coming = None
        return self.coming is not None

    def is_kept(self, types: Any) -> bool:
        """Whether the code for these types is in the cache."""
        kept: bool = self._cache.has(types, self.targetctx)
        return kept


# What a kernel answers that is only listed, by the annotation of what it returns.
NOTHING = {"None": None, "float": 0.0, "bool": False, "tuple[int, int]": (0, 0)}


def inline(function: Callable[..., Any]) -> Any:
    """Compile a part of kernels: inlined into them, never called from Python."""
    return part_of_kernels(function, **OPTIONS)
