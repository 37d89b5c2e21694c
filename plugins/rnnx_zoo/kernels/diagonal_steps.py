"""One step of one register of one unit, forward and back, for each cell of the diagonal loop.

``place`` is (u, n, e, before, B_p): the unit and how many there are, the flat index of the register
in a row of steps, that of the state before the step in ``hs``, and the columns of a step.
Parameters, states and what is kept are described in ``diagonal_loop``, the equations in each cell.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from rnnx_builtin.kernels.simd.activations import exp, sigmoid, tanh
from rnnx_builtin.kernels.simd.compiling import inline
from rnnx_builtin.kernels.simd.vectors import at_least, at_most, load, store, where_positive

ROOT_MIN = 1 / 2000  # as rnnx_zoo.rg_lru's


@intrinsic
def square_root(typing: Any, x: Any) -> Any:
    """√x of each lane."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = args[0].type
        name = f"llvm.sqrt.v{kind.count}f{x.scalar.bitwidth}"
        root = cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind]), name)
        return builder.call(root, args)

    return x(x), codegen


@inline
def at_row(a: Any, row: int, e: int) -> Any:
    """The flat index of a[row, e]."""
    return row * a.shape[1] + e


@inline
def _positive(a: Any) -> Any:
    """g(a) = a + ½ where a ≥ 0, σ(a) below."""
    return at_least(a, 0.0) + sigmoid(at_most(a, 0.0))


@inline
def _positive_slope(g: Any) -> Any:
    """1 where g ≥ ½, g·(1 − g) below."""
    below = 0.5 - g
    return (1.0 - where_positive(below, g * 0.0 + 1.0)) + where_positive(below, g * (1.0 - g))


@inline
def min_gru(z: Any, b: Any, hs: Any, place: Any) -> None:
    u, n, e, before, B_p = place
    at_z, at_n, h = at_row(z, u, e), at_row(z, n + u, e), load(hs, before)
    gate, candidate = sigmoid(load(z, at_z) + b[u, 0]), _positive(load(z, at_n) + b[n + u, 0])
    store(z, at_z, gate)
    store(z, at_n, candidate)
    store(hs, before + B_p, h + gate * (candidate - h))


@inline
def min_gru_back(z: Any, hs: Any, d: Any, back: Any, here: int, dz: Any, place: Any) -> None:
    u, n, e, before, _ = place
    gate, candidate = load(z, at_row(z, u, e)), load(z, at_row(z, n + u, e))
    written, kept = d * gate, d * (1.0 - gate)
    store(dz, at_row(dz, u, e), kept * gate * (candidate - load(hs, before)))
    store(dz, at_row(dz, n + u, e), written * _positive_slope(candidate))
    store(back, here, kept)


@inline
def min_lstm(z: Any, b: Any, own: Any, hs: Any, place: Any) -> None:
    u, n, e, before, B_p = place
    at_f, at_i, at_n = at_row(z, u, e), at_row(z, n + u, e), at_row(z, 2 * n + u, e)
    most = own[u, 0]
    of_f = exp(at_least(at_most(0.0 - (load(z, at_f) + b[u, 0]), most), -most))
    of_i = exp(at_least(at_most(0.0 - (load(z, at_i) + b[n + u, 0]), most), -most))
    candidate = _positive(load(z, at_n) + b[2 * n + u, 0])
    store(z, at_f, of_f)
    store(z, at_i, of_i)
    store(z, at_n, candidate)
    keep = (of_i + 1.0) / (of_i + 1.0 + 1.0 + of_f)
    store(hs, before + B_p, candidate + keep * (load(hs, before) - candidate))


@inline
def min_lstm_back(z: Any, hs: Any, d: Any, back: Any, here: int, dz: Any, place: Any) -> None:
    u, n, e, before, _ = place
    of_f, of_i = load(z, at_row(z, u, e)), load(z, at_row(z, n + u, e))
    candidate = load(z, at_row(z, 2 * n + u, e))
    keep = (of_i + 1.0) / (of_i + 1.0 + 1.0 + of_f)
    written = d * (1.0 - keep)
    apart = written * keep * (load(hs, before) - candidate)
    store(dz, at_row(dz, u, e), apart * (of_f / (of_f + 1.0)))
    store(dz, at_row(dz, n + u, e), (0.0 - apart) * (of_i / (of_i + 1.0)))
    store(dz, at_row(dz, 2 * n + u, e), written * _positive_slope(candidate))
    store(back, here, d * keep)


@inline
def sru(z: Any, b: Any, s: Any, own: Any, hs: Any, out: Any, place: Any) -> None:
    u, n, e, before, B_p = place
    at_f, at_r, c = at_row(z, n + u, e), at_row(z, 2 * n + u, e), load(hs, before)
    f = sigmoid(load(z, at_f) + b[n + u, 0] + c * own[u, 0])
    r = sigmoid(load(z, at_r) + b[2 * n + u, 0] + c * own[u, 1])
    store(z, at_f, f)
    store(z, at_r, r)
    candidate = load(z, at_row(z, u, e))
    after = candidate + f * (c - candidate)
    store(hs, before + B_p, after)
    passed = load(s, at_row(s, u, e)) * own[u, 2]
    store(out, at_row(out, u, e), passed + r * (after - passed))


@inline
def sru_back(
    z: Any, s: Any, own: Any, hs: Any, dh: Any, back: Any, here: int, dz: Any, ds: Any, place: Any
) -> Any:
    """By v of f and of r."""
    u, n, e, before, B_p = place
    candidate, f = load(z, at_row(z, u, e)), load(z, at_row(z, n + u, e))
    r, c = load(z, at_row(z, 2 * n + u, e)), load(hs, before)
    passed, through = load(s, at_row(s, u, e)) * own[u, 2], dh * r
    store(ds, at_row(ds, u, e), (dh - through) * own[u, 2])
    dr = (load(hs, before + B_p) - passed) * through * (1.0 - r)
    dc = load(back, here) + through
    kept = dc * f
    df = (c - candidate) * kept * (1.0 - f)
    store(dz, at_row(dz, u, e), dc - kept)
    store(dz, at_row(dz, n + u, e), df)
    store(dz, at_row(dz, 2 * n + u, e), dr)
    store(back, here, kept + df * own[u, 0] + dr * own[u, 1])
    return df * c, dr * c


@inline
def lru(z: Any, own: Any, hs: Any, place: Any) -> None:
    u, n, e, before, B_p = place
    beside = before + n * hs.shape[1]
    re, im, cos, sin = load(hs, before), load(hs, beside), own[u, 0], own[u, 1]
    store(hs, before + B_p, load(z, at_row(z, u, e)) + (re * cos - im * sin))
    store(hs, beside + B_p, load(z, at_row(z, n + u, e)) + (re * sin + im * cos))


@inline
def lru_back(own: Any, hs: Any, g: Any, back: Any, here: int, dz: Any, place: Any) -> Any:
    """By Re λ and Im λ."""
    u, n, e, before, B_p = place
    beside, cos, sin = here + n * B_p, own[u, 0], own[u, 1]
    by_re = load(back, here) + load(g, at_row(g, u, e))
    by_im = load(back, beside) + load(g, at_row(g, n + u, e))
    store(dz, at_row(dz, u, e), by_re)
    store(dz, at_row(dz, n + u, e), by_im)
    store(back, here, by_re * cos + by_im * sin)
    store(back, beside, by_im * cos - by_re * sin)
    re, im = load(hs, before), load(hs, before + n * hs.shape[1])
    return by_re * re + by_im * im, by_im * re - by_re * im


@inline
def _decay(log_a: Any) -> Any:
    """a and √(1 − a²): 1 − a² = −tanh(ln a)·(1 + a²), which is exact near a = 1."""
    a = exp(log_a)
    return a, square_root((0.0 - tanh(log_a)) * (a * a + 1.0))


@inline
def rg_lru(z: Any, b: Any, s: Any, own: Any, hs: Any, place: Any) -> None:
    u, n, e, before, B_p = place
    at_i, at_r = at_row(z, u, e), at_row(z, n + u, e)
    i, r = sigmoid(load(z, at_i) + b[u, 0]), sigmoid(load(z, at_r) + b[n + u, 0])
    store(z, at_i, i)
    store(z, at_r, r)
    a, root = _decay(r * own[u, 0])
    store(hs, before + B_p, a * load(hs, before) + root * i * load(s, at_row(s, u, e)))


@inline
def rg_lru_back(
    z: Any, s: Any, own: Any, hs: Any, d: Any, back: Any, here: int, dz: Any, ds: Any, place: Any
) -> Any:
    """By the rate."""
    u, n, e, before, _ = place
    i, r = load(z, at_row(z, u, e)), load(z, at_row(z, n + u, e))
    a, root = _decay(r * own[u, 0])
    through = d * i
    store(ds, at_row(ds, u, e), through * root)
    through = through * load(s, at_row(s, u, e))
    store(dz, at_row(dz, u, e), (1.0 - i) * through * root)
    by_decay = (d * load(hs, before) - through * a / at_least(root, ROOT_MIN)) * a
    store(dz, at_row(dz, n + u, e), by_decay * own[u, 0] * r * (1.0 - r))
    store(back, here, d * a)
    return by_decay * r


@inline
def ind_rnn(z: Any, b: Any, own: Any, hs: Any, place: Any) -> None:
    u, _, e, before, B_p = place
    a = load(z, at_row(z, u, e)) + b[u, 0] + load(hs, before) * own[u, 0]
    store(hs, before + B_p, at_least(a, 0.0))


@inline
def ind_rnn_back(own: Any, hs: Any, d: Any, back: Any, here: int, dz: Any, place: Any) -> Any:
    """By u."""
    u, _, e, before, B_p = place
    d = where_positive(load(hs, before + B_p), d)
    store(dz, at_row(dz, u, e), d)
    store(back, here, d * own[u, 0])
    return d * load(hs, before)
