"""The time loops of the LSTM with peepholes."""

from __future__ import annotations

from typing import Any, NamedTuple

from rnnx.arrays import Array
from rnnx_builtin.kernels.rnn.columns import (
    active_width,
    add_final_gradient,
    add_output_gradient,
    clear,
    clear_gates,
    end_columns,
    registers,
    scatter_gates,
    start_columns,
    strips,
    unpad,
)
from rnnx_builtin.kernels.rnn.input_table import add_to_gates
from rnnx_builtin.kernels.simd.activations import sigmoid, tanh
from rnnx_builtin.kernels.simd.compiling import inline, kernel
from rnnx_builtin.kernels.simd.gemm import multiply, multiply_gates
from rnnx_builtin.kernels.simd.vectors import load, store
from rnnx_builtin.kernels.simd.work_queue import finish_and_next, next_task, part_of
from rnnx_zoo.kernels.gated import Sizes

BLOCKS, GROUPS, STATES = 4, (4,), 2  # i, f, o, g


class Forward(NamedTuple):
    """What ``forward`` computes and ``backward`` reads; n_p and B_p are padded."""

    h_flat: Array  # (n_a, ≥ (T + 1)·B), the initial state first
    hs: Array  # (2, n_p, B_p): h of a step and of the one before
    cs: Array  # (T + 1, n_p, B_p), the initial state first
    gates: Array  # (T, ≥ 4·n_p, B_p): i, f, o, g after their activations
    tanh_c: Array  # (T, n_p, B_p)


class Backward(NamedTuple):
    """The buffers of ``backward``."""

    dz_flat: Array  # (4·n_a, ≥ T·B)
    dz: Array  # (2, 4·n_p, B_p): of a step and of the one after it
    dh_t: Array  # (n_p, B_p): dh of a step
    back_h: Array  # (≥ n_p, B_p): dh from the step after
    back_c: Array  # (n_p, B_p): dc from the step after
    dp: Array  # (3·n_p, B_p): the gradient of p by column


def kept(of: Sizes, h_flat: Array) -> Forward:
    n_p = of.units.padded
    return Forward(
        h_flat=h_flat,
        hs=of.steps("hs", 2, n_p),
        cs=of.steps("cs", of.T + 1, n_p),
        gates=of.product("gates", 4 * n_p, of.T),
        tanh_c=of.steps("tanh_c", of.T, n_p),
    )


def buffers(of: Sizes) -> Backward:
    n_p = of.units.padded
    return Backward(
        dz_flat=of.flat("dz_flat", 4 * of.n_a),
        dz=of.steps("dz_t", 2, 4 * n_p),
        dh_t=of.steps("dh_t", n_p),
        back_h=of.product("back_h", n_p),
        back_c=of.steps("back_c", n_p),
        dp=of.steps("dp_columns", 3 * n_p),
    )


def met(kept: Any) -> list[Array | None]:
    return [None]


@kernel
def forward(
    queue: Any, units: Any, kept: Any, x: Any, Wh: Any, p: Any, start: Any, final: Any
) -> None:
    """A whole sequence; a task is one step of one chunk of units. p is (3·n_p, B_p)."""
    (table, ids, ends), (h0, c0), (final_h, final_c), to = x, start, final, Forward(*kept)
    h_flat, hs, cs, gates, tanh_cs = to
    T, B, n, n_p = len(ids), len(ends), len(h0), units[0]
    task = next_task(queue, units, T + 1)
    while task >= 0:
        phase, first, last = part_of(task, units)
        t = phase - 1
        h, c, count = hs[phase % 2], cs[phase], B
        if t < 0:
            start_columns(h0, h, final_h, ends, first, last)
            start_columns(c0, c, final_c, ends, first, last)
        else:
            a, count = gates[t], active_width(ends, t, h)
            multiply_gates(Wh, 4, n_p, first, last, hs[t % 2], a, count)
            add_to_gates(a, table, ids[t], 4, n, n_p, first, last, count)
            known = cs[t, first:last], p[first:], n_p
            _step(a[first:], *known, c[first:], tanh_cs[t, first:], h[first:], count)
            end_columns(h, final_h, ends, t, count, first, last)
            end_columns(c, final_c, ends, t, count, first, last)
        scatter_gates(h, 1, n_p, h_flat, n, first, last, phase * B, B, count)
        task = finish_and_next(queue, units, T + 1)


@inline
def _step(a: Any, before: Any, p: Any, n_p: int, c: Any, tanh_c: Any, h: Any, count: int) -> None:
    """From the sums a and c⟨t−1⟩: the gates in place, c, tanh(c) and h."""
    size = n_p * before.shape[1]
    rows, length = strips(before, count)
    for u in range(rows):
        for e in registers(before, u, length):
            old = load(before, e)
            i = sigmoid(load(a, e) + load(p, e) * old)
            f = sigmoid(load(a, size + e) + load(p, size + e) * old)
            g = tanh(load(a, 3 * size + e))
            new = f * old + i * g
            o = sigmoid(load(a, 2 * size + e) + load(p, 2 * size + e) * new)
            tanh_new = tanh(new)
            store(a, e, i)
            store(a, size + e, f)
            store(a, 2 * size + e, o)
            store(a, 3 * size + e, g)
            store(c, e, new)
            store(tanh_c, e, tanh_new)
            store(h, e, o * tanh_new)


@inline
def _begin(
    back_h: Any, back_c: Any, dh_t: Any, dz: Any, dp: Any, n_p: int, first: int, last: int
) -> None:
    """Set what is added to, and what a column that has not begun is read from, to 0."""
    clear(back_h, first, last)
    clear(back_c, first, last)
    clear(dh_t, first, last)
    clear_gates(dz, 4, first, last)
    for block in range(3):
        clear(dp, block * n_p + first, block * n_p + last)


@kernel
def backward(
    queue: Any,
    units: Any,
    kept: Any,
    own: Any,
    ends: Any,
    WhT: Any,
    p: Any,
    dh: Any,
    d_final: Any,
    d_start: Any,
) -> None:
    """The gradients of a sequence; a task is one step of one chunk of units."""
    seen, to, (d_last_h, d_last_c), (dh0, dc0) = Forward(*kept), Backward(*own), d_final, d_start
    cs, gates, tanh_cs, n_p, (T, n, B) = seen.cs, seen.gates, seen.tanh_c, units[0], dh.shape
    dz_flat, dzs, dh_t, back_h, back_c, dp = to
    task = next_task(queue, units, T + 1)
    while task >= 0:
        phase, first, last = part_of(task, units)
        t = T - 1 - phase
        if phase == 0:
            _begin(back_h, back_c, dh_t, dzs, dp, n_p, first, last)
        else:  # the gradient of h⟨t⟩ by the step after it
            count = active_width(ends, t + 1, back_h)
            multiply(WhT, first, last, dzs[(t + 1) % 2], back_h[first:], count)
        add_final_gradient(back_h, d_last_h, ends, t, first, last)
        add_final_gradient(back_c, d_last_c, ends, t, first, last)
        if t < 0:
            unpad(back_h, dh0, first, last)
            unpad(back_c, dc0, first, last)
        else:
            dz, count = dzs[t % 2], active_width(ends, t, back_h)
            add_output_gradient(dh, back_h, ends, t, dh_t, count, first, last)
            known = gates[t, first:], n_p, cs[t, first:], cs[t + 1, first:], tanh_cs[t, first:]
            given = p[first:], dh_t[first:last], back_c[first:], dz[first:], dp[first:]
            _step_back(*known, *given, count)
            scatter_gates(dz, 4, n_p, dz_flat, n, first, last, t * B, B, count)
        task = finish_and_next(queue, units, T + 1)


@inline
def _step_back(
    a: Any,
    n_p: int,
    before: Any,
    c: Any,
    tanh_c: Any,
    p: Any,
    dh: Any,
    back_c: Any,
    dz: Any,
    dp: Any,
    count: int,
) -> None:
    """dz of the four blocks, what a step adds to dp, and the gradient of c⟨t−1⟩."""
    size = n_p * dh.shape[1]
    rows, length = strips(dh, count)
    for u in range(rows):
        for e in registers(dh, u, length):
            i, f = load(a, e), load(a, size + e)
            o, g = load(a, 2 * size + e), load(a, 3 * size + e)
            tanh_new, old, d = load(tanh_c, e), load(before, e), load(dh, e)
            do = d * tanh_new * o * (1.0 - o)
            dc = d * o * (1.0 - tanh_new * tanh_new) + load(back_c, e) + load(p, 2 * size + e) * do
            di, df = dc * g * i * (1.0 - i), dc * old * f * (1.0 - f)
            store(dz, e, di)
            store(dz, size + e, df)
            store(dz, 2 * size + e, do)
            store(dz, 3 * size + e, dc * i * (1.0 - g * g))
            store(dp, e, load(dp, e) + di * old)
            store(dp, size + e, load(dp, size + e) + df * old)
            store(dp, 2 * size + e, load(dp, 2 * size + e) + do * load(c, e))
            store(back_c, e, dc * f + load(p, e) * di + load(p, size + e) * df)
