"""Compile kernels for this processor, and cache the code."""

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
    """``bytes, count``: the size of a vector register, and how many there are."""
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        return 64, 32
    if features.get("avx2") and features.get("fma"):
        return 32, 16
    return 16, 32 if features.get("neon") else 16


VECTOR, REGISTERS = _vector_bytes()


@cache
def _folder() -> Path:
    """The cache folder of this source text: a changed function must not meet old callers' code."""
    sha = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        sha.update(path.read_bytes())
    return cache_folder() / "kernels" / sha.hexdigest()[:16]


OPTIONS = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}


def kernel(function: Callable[..., Any]) -> Any:
    """Compile at the first call for each dtype, and cache the code in rnnx's cache folder.

    numba would cache beside the source. Its configuration names rnnx's folder only while this
    function is registered, so that other code in this process keeps its own.
    """
    before = config.CACHE_DIR
    config.CACHE_DIR = str(_folder())
    try:
        return numba.njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # the folder cannot be written: compile in every process
        return numba.njit(**OPTIONS)(function)
    finally:
        config.CACHE_DIR = before


def inline(function: Callable[..., Any]) -> Any:
    """Compile a part of kernels: inlined into them, never called from Python."""
    return numba.njit(no_cpython_wrapper=True, **OPTIONS)(function)
