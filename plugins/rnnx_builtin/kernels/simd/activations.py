"""tanh, σ and exp of whole registers.

float32: tanh(x) = x·p(x²)/q(x²) with x clamped to ±7.9, as in Eigen's vector tanh. The coefficients
are our own: they minimise the largest absolute error on [0, 7.9], found by iteratively reweighted
least squares. The error in float32 is at most 3.4e-7, absolute as well as relative.

float64: expm1(r) of the remainder r = x − n·ln 2 as a Taylor polynomial of degree 13, whose first
missing term is below 1e-17 for |r| ≤ ½·ln 2; tanh(x) = e/(e + 2) with e = expm1(2x).

NaN gives NaN in all of them.
"""

from __future__ import annotations

import math
from typing import Any

from numba import types
from numba.extending import overload

from rnnx_builtin.kernels.simd.compiling import inline
from rnnx_builtin.kernels.simd.vectors import Lanes, at_least, at_most, power_of_two, rounded

TANH_MAX_X = 7.9  # beyond it tanh(x) is ±1 in float32
P0, P1, P2 = 1.0, 0.13444451987743378, 0.0035716963466256857
P3, P4 = 2.1903420929447748e-05, 1.5259688623814327e-08
Q0, Q1, Q2 = 1.0, 0.46777772903442383, 0.02616441436111927
Q3, Q4 = 0.0003411743382457644, 8.530550985597074e-07

LN2_HIGH = 0.693145751953125  # ln 2 in two parts: n times the first is exact
LN2_LOW = math.log(2) - LN2_HIGH
INVERSE_LN2 = 1 / math.log(2)
C2, C3, C4, C5, C6, C7 = (1 / math.factorial(k) for k in range(2, 8))
C8, C9, C10, C11, C12, C13 = (1 / math.factorial(k) for k in range(8, 14))


def _tanh32(x: Any) -> Any:
    x = at_least(at_most(x, TANH_MAX_X), -TANH_MAX_X)
    u = x * x
    p = (((u * P4 + P3) * u + P2) * u + P1) * u + P0
    q = (((u * Q4 + Q3) * u + Q2) * u + Q1) * u + Q0
    return x * p / q


@inline
def _remainder(x: Any, n: Any) -> Any:
    return (x - n * LN2_HIGH) - n * LN2_LOW


@inline
def _expm1_rest32(r: Any) -> Any:
    return r + r * r * (((((r * C7 + C6) * r + C5) * r + C4) * r + C3) * r + C2)


@inline
def _expm1_rest64(r: Any) -> Any:
    high = (((((r * C13 + C12) * r + C11) * r + C10) * r + C9) * r + C8) * r + C7
    return r + r * r * (((((high * r + C6) * r + C5) * r + C4) * r + C3) * r + C2)


def _tanh64(x: Any) -> Any:
    x = at_least(at_most(x + x, 40.0), -40.0)
    n = rounded(x * INVERSE_LN2)
    two_n = power_of_two(n)
    e = two_n * _expm1_rest64(_remainder(x, n)) + (two_n - 1.0)
    return e / (e + 2.0)


def _exp32(x: Any) -> Any:
    x = at_least(x, -87.0)
    n = rounded(x * INVERSE_LN2)
    two_n = power_of_two(n)
    return two_n * _expm1_rest32(_remainder(x, n)) + two_n


def _exp64(x: Any) -> Any:
    x = at_least(x, -700.0)
    n = rounded(x * INVERSE_LN2)
    two_n = power_of_two(n)
    return two_n * _expm1_rest64(_remainder(x, n)) + two_n


def tanh(x: Any) -> Any:
    """tanh of each lane."""
    raise NotImplementedError("only in compiled code")


def exp(x: Any) -> Any:
    """exp of each lane, none above 0: for a softmax, whose largest logit is 0."""
    raise NotImplementedError("only in compiled code")


@overload(tanh, strict=False)
def _tanh(x: Any) -> Any:
    if isinstance(x, Lanes) and x.scalar == types.float32:
        return _tanh32
    return _tanh64


@overload(exp, strict=False)
def _exp(x: Any) -> Any:
    if isinstance(x, Lanes) and x.scalar == types.float32:
        return _exp32
    return _exp64


@inline
def sigmoid(x: Any) -> Any:
    """σ(x) = ½·tanh(½·x) + ½."""
    return tanh(x * 0.5) * 0.5 + 0.5
