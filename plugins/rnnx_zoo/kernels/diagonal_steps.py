"""All steps of a unit, forward and back, for each cell of the diagonal loop.

Arrays are described in ``diagonal_loop``, the equations in each cell. A row of an array begins at a
flat index that is computed before the loops, because a function that is given an array counts
references at each call, which costs more than a register's step. Backward, ``finals`` adds what
the final state of a column adds; each function returns the gradients by two own numbers.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from rnnx_builtin.kernels.simd.activations import exp, sigmoid, tanh
from rnnx_builtin.kernels.simd.compiling import inline
from rnnx_builtin.kernels.simd.gemm import lanes_of
from rnnx_builtin.kernels.simd.vectors import (
    at_least,
    at_most,
    load,
    store,
    where_positive,
    zeros_of,
)

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
def _positive(a: Any) -> Any:
    """g(a) = a + ½ where a ≥ 0, σ(a) below."""
    return at_least(a, 0.0) + sigmoid(at_most(a, 0.0))


@inline
def _positive_slope(g: Any) -> Any:
    """1 where g ≥ ½, g·(1 − g) below."""
    below = 0.5 - g
    return (1.0 - where_positive(below, g * 0.0 + 1.0)) + where_positive(below, g * (1.0 - g))


@inline
def _decay(log_a: Any) -> Any:
    """a and √(1 − a²): 1 − a² = −tanh(ln a)·(1 + a²), which is exact near a = 1."""
    a = exp(log_a)
    return a, square_root((0.0 - tanh(log_a)) * (a * a + 1.0))


@inline
def add_finals(back: Any, d_final: Any, ends: Any, t: int, u: int, n: int) -> None:
    """Add the gradient by the final state of the columns that end with step t."""
    for unit in range(u, len(back), n):
        for column in range(len(ends)):
            if ends[column] == t + 1:
                back[unit, column] += d_final[unit, column]


@inline
def min_gru(z: Any, b: Any, hs: Any, active: Any, B_p: int, u: int, n: int) -> None:
    lanes, width, row = lanes_of(z), z.shape[1], u * hs.shape[1]
    of_z, of_n, b_z, b_n = u * width, (n + u) * width, b[u, 0], b[n + u, 0]
    for t in range(len(active)):
        for e in range(t * B_p, t * B_p + active[t], lanes):
            gate, candidate = sigmoid(load(z, of_z + e) + b_z), _positive(load(z, of_n + e) + b_n)
            store(z, of_z + e, gate)
            store(z, of_n + e, candidate)
            h = load(hs, row + e)
            store(hs, row + B_p + e, h + gate * (candidate - h))


@inline
def min_gru_back(
    z: Any, hs: Any, g: Any, finals: Any, active: Any, back: Any, dz: Any, u: int, n: int
) -> Any:
    (d_final, ends, ending), lanes, B_p = finals, lanes_of(z), back.shape[1]
    of_z, of_n, width = u * z.shape[1], (n + u) * z.shape[1], dz.shape[1]
    to_z, to_n, row, of_g = u * width, (n + u) * width, u * hs.shape[1], u * g.shape[1]
    for t in range(len(active) - 1, -1, -1):
        if ending[t]:
            add_finals(back, d_final, ends, t, u, n)
        for column in range(0, active[t], lanes):
            e, here = t * B_p + column, u * B_p + column
            gate, candidate = load(z, of_z + e), load(z, of_n + e)
            d = load(back, here) + load(g, of_g + e)
            written, kept = d * gate, d * (1.0 - gate)
            store(dz, to_z + e, kept * gate * (candidate - load(hs, row + e)))
            store(dz, to_n + e, written * _positive_slope(candidate))
            store(back, here, kept)
    return zeros_of(z), zeros_of(z)


@inline
def min_lstm(z: Any, b: Any, own: Any, hs: Any, active: Any, B_p: int, u: int, n: int) -> None:
    lanes, width, row, most = lanes_of(z), z.shape[1], u * hs.shape[1], own[u, 0]
    of_f, of_i, of_n = u * width, (n + u) * width, (2 * n + u) * width
    b_f, b_i, b_n = b[u, 0], b[n + u, 0], b[2 * n + u, 0]
    for t in range(len(active)):
        for e in range(t * B_p, t * B_p + active[t], lanes):
            f = exp(at_least(at_most(0.0 - (load(z, of_f + e) + b_f), most), -most))
            i = exp(at_least(at_most(0.0 - (load(z, of_i + e) + b_i), most), -most))
            candidate = _positive(load(z, of_n + e) + b_n)
            store(z, of_f + e, f)
            store(z, of_i + e, i)
            store(z, of_n + e, candidate)
            keep = (i + 1.0) / (i + 1.0 + 1.0 + f)
            store(hs, row + B_p + e, candidate + keep * (load(hs, row + e) - candidate))


@inline
def min_lstm_back(
    z: Any, hs: Any, g: Any, finals: Any, active: Any, back: Any, dz: Any, u: int, n: int
) -> Any:
    (d_final, ends, ending), lanes, B_p = finals, lanes_of(z), back.shape[1]
    width, row, of_g = z.shape[1], u * hs.shape[1], u * g.shape[1]
    of_f, of_i, of_n = u * width, (n + u) * width, (2 * n + u) * width
    width = dz.shape[1]
    to_f, to_i, to_n = u * width, (n + u) * width, (2 * n + u) * width
    for t in range(len(active) - 1, -1, -1):
        if ending[t]:
            add_finals(back, d_final, ends, t, u, n)
        for column in range(0, active[t], lanes):
            e, here = t * B_p + column, u * B_p + column
            f, i, candidate = load(z, of_f + e), load(z, of_i + e), load(z, of_n + e)
            d, keep = load(back, here) + load(g, of_g + e), (i + 1.0) / (i + 1.0 + 1.0 + f)
            written = d * (1.0 - keep)
            apart = written * keep * (load(hs, row + e) - candidate)
            store(dz, to_f + e, apart * (f / (f + 1.0)))
            store(dz, to_i + e, (0.0 - apart) * (i / (i + 1.0)))
            store(dz, to_n + e, written * _positive_slope(candidate))
            store(back, here, d * keep)
    return zeros_of(z), zeros_of(z)


@inline
def sru(
    z: Any, b: Any, s: Any, own: Any, hs: Any, out: Any, active: Any, B_p: int, u: int, n: int
) -> None:
    lanes, width, row, of_s = lanes_of(z), z.shape[1], u * hs.shape[1], u * s.shape[1]
    of_u, of_f, of_r, to_h = u * width, (n + u) * width, (2 * n + u) * width, u * out.shape[1]
    b_f, b_r, v_f, v_r, alpha = b[n + u, 0], b[2 * n + u, 0], own[u, 0], own[u, 1], own[u, 2]
    for t in range(len(active)):
        for e in range(t * B_p, t * B_p + active[t], lanes):
            c, candidate = load(hs, row + e), load(z, of_u + e)
            f = sigmoid(load(z, of_f + e) + b_f + c * v_f)
            r = sigmoid(load(z, of_r + e) + b_r + c * v_r)
            store(z, of_f + e, f)
            store(z, of_r + e, r)
            after, passed = candidate + f * (c - candidate), load(s, of_s + e) * alpha
            store(hs, row + B_p + e, after)
            store(out, to_h + e, passed + r * (after - passed))


@inline
def sru_back(
    z: Any,
    s: Any,
    own: Any,
    hs: Any,
    g: Any,
    finals: Any,
    active: Any,
    back: Any,
    dz: Any,
    ds: Any,
    u: int,
    n: int,
) -> Any:
    """By v of f and of r."""
    (d_final, ends, ending), lanes, B_p = finals, lanes_of(z), back.shape[1]
    row, of_s, of_g, to_s = u * hs.shape[1], u * s.shape[1], u * g.shape[1], u * ds.shape[1]
    of_u, of_f, of_r = u * z.shape[1], (n + u) * z.shape[1], (2 * n + u) * z.shape[1]
    to_u, to_f, to_r = u * dz.shape[1], (n + u) * dz.shape[1], (2 * n + u) * dz.shape[1]
    v_f, v_r, alpha, by_f, by_r = own[u, 0], own[u, 1], own[u, 2], zeros_of(z), zeros_of(z)
    for t in range(len(active) - 1, -1, -1):
        if ending[t]:
            add_finals(back, d_final, ends, t, u, n)
        for column in range(0, active[t], lanes):
            e, here = t * B_p + column, u * B_p + column
            candidate, f, r = load(z, of_u + e), load(z, of_f + e), load(z, of_r + e)
            c, dh, passed = load(hs, row + e), load(g, of_g + e), load(s, of_s + e) * alpha
            through = dh * r
            store(ds, to_s + e, (dh - through) * alpha)
            dr = (load(hs, row + B_p + e) - passed) * through * (1.0 - r)
            dc = load(back, here) + through
            kept = dc * f
            df = (c - candidate) * kept * (1.0 - f)
            store(dz, to_u + e, dc - kept)
            store(dz, to_f + e, df)
            store(dz, to_r + e, dr)
            store(back, here, kept + df * v_f + dr * v_r)
            by_f, by_r = by_f + df * c, by_r + dr * c
    return by_f, by_r


@inline
def lru(z: Any, own: Any, hs: Any, active: Any, B_p: int, u: int, n: int) -> None:
    lanes, of_re, of_im = lanes_of(z), u * z.shape[1], (n + u) * z.shape[1]
    row, beside, cos, sin = u * hs.shape[1], (n + u) * hs.shape[1], own[u, 0], own[u, 1]
    for t in range(len(active)):
        for e in range(t * B_p, t * B_p + active[t], lanes):
            re, im = load(hs, row + e), load(hs, beside + e)
            store(hs, row + B_p + e, load(z, of_re + e) + (re * cos - im * sin))
            store(hs, beside + B_p + e, load(z, of_im + e) + (re * sin + im * cos))


@inline
def lru_back(
    own: Any, hs: Any, g: Any, finals: Any, active: Any, back: Any, dz: Any, u: int, n: int
) -> Any:
    """By Re λ and Im λ."""
    (d_final, ends, ending), lanes, B_p = finals, lanes_of(g), back.shape[1]
    row, beside, cos, sin = u * hs.shape[1], (n + u) * hs.shape[1], own[u, 0], own[u, 1]
    of_re, of_im, to_re = u * g.shape[1], (n + u) * g.shape[1], u * dz.shape[1]
    to_im, by_cos, by_sin = (n + u) * dz.shape[1], zeros_of(g), zeros_of(g)
    for t in range(len(active) - 1, -1, -1):
        if ending[t]:
            add_finals(back, d_final, ends, t, u, n)
        for column in range(0, active[t], lanes):
            e, here, there = t * B_p + column, u * B_p + column, (n + u) * B_p + column
            by_re = load(back, here) + load(g, of_re + e)
            by_im = load(back, there) + load(g, of_im + e)
            store(dz, to_re + e, by_re)
            store(dz, to_im + e, by_im)
            store(back, here, by_re * cos + by_im * sin)
            store(back, there, by_im * cos - by_re * sin)
            re, im = load(hs, row + e), load(hs, beside + e)
            by_cos, by_sin = by_cos + by_re * re + by_im * im, by_sin + by_im * re - by_re * im
    return by_cos, by_sin


@inline
def rg_lru(
    z: Any, b: Any, s: Any, own: Any, hs: Any, active: Any, B_p: int, u: int, n: int
) -> None:
    lanes, of_i, of_r, rate = lanes_of(z), u * z.shape[1], (n + u) * z.shape[1], own[u, 0]
    row, of_s, b_i, b_r = u * hs.shape[1], u * s.shape[1], b[u, 0], b[n + u, 0]
    for t in range(len(active)):
        for e in range(t * B_p, t * B_p + active[t], lanes):
            i, r = sigmoid(load(z, of_i + e) + b_i), sigmoid(load(z, of_r + e) + b_r)
            store(z, of_i + e, i)
            store(z, of_r + e, r)
            a, root = _decay(r * rate)
            store(hs, row + B_p + e, a * load(hs, row + e) + root * i * load(s, of_s + e))


@inline
def rg_lru_back(
    z: Any,
    s: Any,
    own: Any,
    hs: Any,
    g: Any,
    finals: Any,
    active: Any,
    back: Any,
    dz: Any,
    ds: Any,
    u: int,
    n: int,
) -> Any:
    """By the rate."""
    (d_final, ends, ending), lanes, B_p = finals, lanes_of(z), back.shape[1]
    row, of_s, of_g, to_s = u * hs.shape[1], u * s.shape[1], u * g.shape[1], u * ds.shape[1]
    of_i, of_r, to_i = u * z.shape[1], (n + u) * z.shape[1], u * dz.shape[1]
    to_r, rate, by_rate = (n + u) * dz.shape[1], own[u, 0], zeros_of(z)
    for t in range(len(active) - 1, -1, -1):
        if ending[t]:
            add_finals(back, d_final, ends, t, u, n)
        for column in range(0, active[t], lanes):
            e, here = t * B_p + column, u * B_p + column
            i, r = load(z, of_i + e), load(z, of_r + e)
            a, root = _decay(r * rate)
            d = load(back, here) + load(g, of_g + e)
            through = d * i
            store(ds, to_s + e, through * root)
            through = through * load(s, of_s + e)
            store(dz, to_i + e, (1.0 - i) * through * root)
            by_decay = (d * load(hs, row + e) - through * a / at_least(root, ROOT_MIN)) * a
            store(dz, to_r + e, by_decay * rate * r * (1.0 - r))
            store(back, here, d * a)
            by_rate = by_rate + by_decay * r
    return by_rate, zeros_of(z)


@inline
def ind_rnn(z: Any, b: Any, own: Any, hs: Any, active: Any, B_p: int, u: int) -> None:
    lanes, of_z, row, b_u, weight = lanes_of(z), u * z.shape[1], u * hs.shape[1], b[u, 0], own[u, 0]
    for t in range(len(active)):
        for e in range(t * B_p, t * B_p + active[t], lanes):
            a = load(z, of_z + e) + b_u + load(hs, row + e) * weight
            store(hs, row + B_p + e, at_least(a, 0.0))


@inline
def ind_rnn_back(
    own: Any, hs: Any, g: Any, finals: Any, active: Any, back: Any, dz: Any, u: int, n: int
) -> Any:
    """By u."""
    (d_final, ends, ending), lanes, B_p = finals, lanes_of(g), back.shape[1]
    row, of_g, to = u * hs.shape[1], u * g.shape[1], u * dz.shape[1]
    weight, by_u = own[u, 0], zeros_of(g)
    for t in range(len(active) - 1, -1, -1):
        if ending[t]:
            add_finals(back, d_final, ends, t, u, n)
        for column in range(0, active[t], lanes):
            e, here = t * B_p + column, u * B_p + column
            h = load(hs, row + B_p + e)
            d = where_positive(h, load(back, here) + load(g, of_g + e))
            store(dz, to + e, d)
            store(back, here, d * weight)
            by_u = by_u + d * load(hs, row + e)
    return by_u, zeros_of(g)
