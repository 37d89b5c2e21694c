"""The compiler of kernels: whether there is one that works, and how it is loaded."""

from __future__ import annotations

import functools
import importlib
import os
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

from rnnx.system.text import cause


@functools.cache
def why_not() -> str:
    """Why nothing can be compiled, and what to do; empty where numba works."""
    if _is_turned_off():
        return "NUMBA_DISABLE_JIT turns numba's compiler off; unset that variable"
    try:
        if find_spec("numba") is None:
            return "numba is not installed; pip install numba"
        # It colours the message of each overload that it tries and rejects, a twentieth of the
        # time of compiling, and the codes would be in our one line of error.
        os.environ.setdefault("NUMBA_DISABLE_ERROR_MESSAGE_HIGHLIGHTING", "1")
        importlib.import_module("numba")
    except Exception as error:  # it does not fit this NumPy, or something stands in its place
        if isinstance(error, ModuleNotFoundError) and error.name == "numba":
            return "numba is not installed; pip install numba"
        return f"numba cannot be imported ({cause(error, 150)}); pip install --upgrade numba"
    with suppress(Exception):  # another version may look elsewhere
        _load_without_linear_algebra()
    return ""


def may_be_there() -> bool:
    """Whether it may be, as far as one sees without loading it."""
    with suppress(Exception):  # something stands in its place
        return not _is_turned_off() and find_spec("numba") is not None
    return False


def prepare_to_compile() -> None:
    """Load what the first kernel of a process would wait for, whatever it is."""
    if not why_not():
        numba = importlib.import_module("numba")
        numba.njit("float32(float32[::1])")(lambda array: array[0])


def _load_without_linear_algebra() -> None:
    """Load numba's functions of arrays, for which it would import all of SciPy's linear algebra.

    It does so to see whether that is there, which it is. That takes as long as loading the kernels
    of a network, and none of them calls it. A function that does imports it then.
    """
    linalg: Any = importlib.import_module("numba.np.linalg")
    ensure_blas, linalg.ensure_blas = linalg.ensure_blas, lambda: None
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        linalg.ensure_blas = ensure_blas


def _is_turned_off() -> bool:
    return os.environ.get("NUMBA_DISABLE_JIT", "0").strip() not in ("", "0")
