"""ln σ of whole registers, beside the activations of the built-in kernels.

ln σ(x) = min(x, 0) − ln(1 + e^−|x|), and ln(1 + y) = 2·artanh(s) with s = y / (2 + y), at most ⅓,
as a series in s²: its first missing term is below 1e-9 in float32 and 1e-18 in float64.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import overload

from rnnx_builtin.kernels.simd.activations import exp
from rnnx_builtin.kernels.simd.compiling import inline
from rnnx_builtin.kernels.simd.vectors import Lanes, at_least, at_most

C3, C5, C7, C9, C11, C13, C15, C17 = (1 / k for k in range(3, 19, 2))
C19, C21, C23, C25, C27, C29, C31, C33, C35 = (1 / k for k in range(19, 37, 2))


def _log1p32(y: Any) -> Any:
    s = y / (y + 2.0)
    q = s * s
    p = ((((((q * C17 + C15) * q + C13) * q + C11) * q + C9) * q + C7) * q + C5) * q + C3
    return (p * q + 1.0) * s * 2.0


def _log1p64(y: Any) -> Any:
    s = y / (y + 2.0)
    q = s * s
    high = (((((q * C35 + C33) * q + C31) * q + C29) * q + C27) * q + C25) * q + C23
    high = ((high * q + C21) * q + C19) * q + C17
    p = ((((((high * q + C15) * q + C13) * q + C11) * q + C9) * q + C7) * q + C5) * q + C3
    return (p * q + 1.0) * s * 2.0


def log1p(y: Any) -> Any:
    """ln(1 + y) of each lane, for y from 0 to 1."""
    raise NotImplementedError("only in compiled code")


@overload(log1p, strict=False)
def _log1p(y: Any) -> Any:
    if isinstance(y, Lanes) and y.scalar == types.float32:
        return _log1p32
    return _log1p64


@inline
def log_sigmoid(x: Any) -> Any:
    """ln σ(x)."""
    return at_most(x, 0.0) - log1p(exp(0.0 - at_least(x, 0.0 - x)))
