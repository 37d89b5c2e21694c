"""The time loops of the LSTM."""

from __future__ import annotations

from typing import Any, NamedTuple

from rnnx.arrays import Array
from rnnx_builtin.kernels.rnn.columns import (
    active_columns,
    active_width,
    add_final_gradient,
    add_output_gradient,
    clear,
    clear_gates,
    end_columns,
    registers,
    scatter,
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


class Forward(NamedTuple):
    """What ``forward`` computes and ``backward`` reads; n_p and B_p are padded."""

    h_flat: Array  # (n_a, ≥ (T + 1)·B), the initial state first
    hs: Array  # (2, n_p, B_p): h of a step and of the one before
    cs: Array  # (T + 1, n_p, B_p), cs[0] the initial state
    gates: Array  # (T, ≥ 4·n_p, B_p): i, f, o, g after their activations
    tanh_c: Array  # (T, n_p, B_p)


class Backward(NamedTuple):
    """The buffers of ``backward``."""

    dz_flat: Array  # (4·n_a, ≥ T·B)
    dz: Array  # (2, 4·n_p, B_p): of a step and of the one after it, gate by gate
    dh_t: Array  # (n_p, B_p): dh of a step
    back_h: Array  # (≥ n_p, B_p): dh from the step after
    back_c: Array  # (n_p, B_p): dc from the step after


@kernel
def forward(queue: Any, units: Any, kept: Any, x: Any, Wh: Any, start: Any, final: Any) -> None:
    """A whole sequence; a task is one step of one chunk of units."""
    (table, ids, ends), (h0, c0), (final_h, final_c), to = x, start, final, Forward(*kept)
    h_flat, hs, cs, gates, tanh_cs = to.h_flat, to.hs, to.cs, to.gates, to.tanh_c
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
            multiply_gates(Wh, 4, n_p, first, last, hs[t % 2], a, active_columns(ends, t))
            add_to_gates(a, table, ids[t], 4, n, n_p, first, last, count)
            before, tanh_c = cs[t, first:last], tanh_cs[t, first:]
            _step(a[first:], n_p, before, c[first:], tanh_c, h[first:], count)
            end_columns(h, final_h, ends, t, count, first, last)
            end_columns(c, final_c, ends, t, count, first, last)
        scatter(h, first, h_flat, first, min(last, n) - first, phase * B, B, count)
        task = finish_and_next(queue, units, T + 1)


@inline
def _step(a: Any, n_p: int, before: Any, c: Any, tanh_c: Any, h: Any, count: int) -> None:
    """From the sums a and c⟨t−1⟩: the gates in place, c, tanh(c) and h."""
    size = n_p * before.shape[1]
    rows, length = strips(before, count)
    for u in range(rows):
        for e in registers(before, u, length):
            i, f = sigmoid(load(a, e)), sigmoid(load(a, size + e))
            o, g = sigmoid(load(a, 2 * size + e)), tanh(load(a, 3 * size + e))
            store(a, e, i)
            store(a, size + e, f)
            store(a, 2 * size + e, o)
            store(a, 3 * size + e, g)
            new = f * load(before, e) + i * g
            tanh_new = tanh(new)
            store(c, e, new)
            store(tanh_c, e, tanh_new)
            store(h, e, o * tanh_new)


@kernel
def backward(
    queue: Any,
    units: Any,
    kept: Any,
    own: Any,
    ends: Any,
    WhT: Any,
    dh: Any,
    d_final: Any,
    d_start: Any,
) -> None:
    """The gradients of a sequence; a task is one step of one chunk of units."""
    seen, to, (d_last_h, d_last_c), (dh0, dc0) = Forward(*kept), Backward(*own), d_final, d_start
    cs, gates, tanh_cs, n_p, (T, n, B) = seen.cs, seen.gates, seen.tanh_c, units[0], dh.shape
    dz_flat, dzs, dh_t, back_h, back_c = to.dz_flat, to.dz, to.dh_t, to.back_h, to.back_c
    task = next_task(queue, units, T + 1)
    while task >= 0:
        phase, first, last = part_of(task, units)
        t = T - 1 - phase
        if phase == 0:
            clear(back_h, first, last)
            clear(back_c, first, last)
            clear(dh_t, first, last)
            clear_gates(dzs, 4, first, last)
        else:  # the gradient of h⟨t⟩ by the step after it
            count = active_columns(ends, t + 1)
            multiply(WhT, first, last, dzs[(t + 1) % 2], back_h[first:], count)
        add_final_gradient(back_h, d_last_h, ends, t, first, last)
        add_final_gradient(back_c, d_last_c, ends, t, first, last)
        if t < 0:
            unpad(back_h, dh0, first, last)
            unpad(back_c, dc0, first, last)
        else:
            dz, count = dzs[t % 2], active_width(ends, t, back_h)
            add_output_gradient(dh, back_h, ends, t, dh_t, count, first, last)
            a, before, tanh_c = gates[t, first:], cs[t, first:], tanh_cs[t, first:]
            _step_back(a, n_p, before, tanh_c, dh_t[first:last], back_c[first:], dz[first:], count)
            scatter_gates(dz, 4, n_p, dz_flat, n, first, last, t * B, B, count)
        task = finish_and_next(queue, units, T + 1)


@inline
def _step_back(
    a: Any, n_p: int, before: Any, tanh_c: Any, dh: Any, back_c: Any, dz: Any, count: int
) -> None:
    """dz of the four blocks, and the gradient of c⟨t−1⟩ through f."""
    size = n_p * dh.shape[1]
    rows, length = strips(dh, count)
    for u in range(rows):
        for e in registers(dh, u, length):
            i, f = load(a, e), load(a, size + e)
            o, g = load(a, 2 * size + e), load(a, 3 * size + e)
            tanh_new, d = load(tanh_c, e), load(dh, e)
            dc = d * o * (1.0 - tanh_new * tanh_new) + load(back_c, e)
            store(dz, e, dc * g * i * (1.0 - i))
            store(dz, size + e, dc * load(before, e) * f * (1.0 - f))
            store(dz, 2 * size + e, d * tanh_new * o * (1.0 - o))
            store(dz, 3 * size + e, dc * i * (1.0 - g * g))
            store(back_c, e, dc * f)
