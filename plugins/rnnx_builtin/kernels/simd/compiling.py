"""The compiler behind the kernels: what the processor has, and where its work is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba
from numba.core import config

from rnnx.system.files import cache_folder


def _vector_bytes() -> tuple[int, int]:
    """Bytes of a vector register, and how many registers there are."""
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        return 64, 32
    if features.get("avx2") and features.get("fma"):
        return 32, 16
    return 16, 32 if features.get("neon") else 16


VECTOR, REGISTERS = _vector_bytes()


@cache
def _folder() -> Path:
    """One for each text of the kernels: a changed helper must not meet an old caller's code."""
    sha = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        sha.update(path.read_bytes())
    return cache_folder() / "kernels" / sha.hexdigest()[:16]


OPTIONS = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}


def kernel(function: Callable[..., Any]) -> Any:
    """Compile at the first call for each dtype, and keep the code in rnnx's cache folder.

    numba looks for its own folder (beside the source) unless its configuration names one: it is
    named while this function is registered, and no other code of this process sees it.
    """
    before = config.CACHE_DIR
    config.CACHE_DIR = str(_folder())
    try:
        return numba.njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # no folder can be written: compile anew in every process
        return numba.njit(**OPTIONS)(function)
    finally:
        config.CACHE_DIR = before


def inline(function: Callable[..., Any]) -> Any:
    """A part of kernels: compiled into them, never called from Python."""
    return numba.njit(no_cpython_wrapper=True, **OPTIONS)(function)
