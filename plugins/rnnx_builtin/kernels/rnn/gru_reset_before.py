"""The GRU's time loops with the reset before the product: n = tanh(Wx·x + b + Wh·(r ⊙ h)).

A step has two phases here: r ⊙ h of all units must be there before n of any unit.
"""

from __future__ import annotations

from typing import Any

from rnnx_builtin.kernels.rnn.columns import (
    active_columns,
    active_width,
    add_output_gradient,
    clear,
    end_columns,
    registers,
    scatter_gates,
    start_columns,
    strips,
    unpad,
)
from rnnx_builtin.kernels.rnn.gru_buffers import Backward, Forward, begin_step
from rnnx_builtin.kernels.rnn.input_table import add_to_gates
from rnnx_builtin.kernels.simd.activations import sigmoid, tanh
from rnnx_builtin.kernels.simd.compiling import inline, kernel
from rnnx_builtin.kernels.simd.gemm import multiply, multiply_gates
from rnnx_builtin.kernels.simd.vectors import load, store
from rnnx_builtin.kernels.simd.work_queue import finish_and_next, next_task, part_of


@kernel
def forward(
    queue: Any, units: Any, kept: Any, x: Any, Wh: Any, Whn: Any, start: Any, final: Any
) -> None:
    """A whole sequence; a task is half a step of one chunk of units."""
    (table, ids, ends), (h0,), (final_h,), to = x, start, final, Forward(*kept)
    h_flat, hs, gates, inner, q = to.h_flat, to.hs, to.gates, to.inner, to.q
    T, B, n, n_p = len(ids), len(ends), len(h0), units[0]
    task = next_task(queue, units, 2 * T + 1)
    while task >= 0:
        phase, first, last = part_of(task, units)
        t, is_first_half = (phase + 1) // 2 - 1, phase % 2 == 1
        h, a, count = hs[t + 1], gates[max(t, 0)], active_width(ends, t, hs[0])
        if t < 0:
            start_columns(h0, h, final_h, ends, first, last)
        elif is_first_half:
            multiply_gates(Wh, 2, n_p, first, last, hs[t], a, active_columns(ends, t))
            clear(a, 2 * n_p + first, 2 * n_p + last)
            add_to_gates(a, table, ids[t], 3, n, n_p, first, last, count)
            _reset(a[first:], n_p, hs[t, first:last], inner[t, first:], count)
        else:
            multiply(Whn, first, last, inner[t], q[first:], active_columns(ends, t))
            _step(a[first:], n_p, q[first:], hs[t, first:last], h[first:], count)
            end_columns(h, final_h, ends, t, count, first, last)
        if not is_first_half:
            scatter_gates(h, 1, n_p, h_flat, n, first, last, (t + 1) * B, B, count)
        task = finish_and_next(queue, units, 2 * T + 1)


@inline
def _reset(a: Any, n_p: int, before: Any, inner: Any, count: int) -> None:
    """From the sums a and h⟨t−1⟩: r and z in place, and inner = r ⊙ h⟨t−1⟩."""
    size = n_p * before.shape[1]
    rows, length = strips(before, count)
    for u in range(rows):
        for e in registers(before, u, length):
            r = sigmoid(load(a, e))
            store(a, e, r)
            store(a, size + e, sigmoid(load(a, size + e)))
            store(inner, e, r * load(before, e))


@inline
def _step(a: Any, n_p: int, q: Any, before: Any, h: Any, count: int) -> None:
    """From z, n's product q and h⟨t−1⟩: n in place, and h."""
    size = n_p * before.shape[1]
    rows, length = strips(before, count)
    for u in range(rows):
        for e in registers(before, u, length):
            z, n = load(a, size + e), tanh(load(a, 2 * size + e) + load(q, e))
            store(a, 2 * size + e, n)
            store(h, e, n + z * (load(before, e) - n))


@kernel
def backward(
    queue: Any,
    units: Any,
    kept: Any,
    own: Any,
    ends: Any,
    WhT: Any,
    WhnT: Any,
    dh: Any,
    d_final: Any,
    d_start: Any,
) -> None:
    """The gradients of a sequence; a task is half a step of one chunk of units."""
    seen, to, (d_last,), (dh0,) = Forward(*kept), Backward(*own), d_final, d_start
    hs, gates, inner, n_p, (T, n, B) = seen.hs, seen.gates, seen.inner, units[0], dh.shape
    dz_flat, n_flat, dzs, direct, back = to.dz_flat, to.n_flat, to.dz, to.direct, to.back
    d_inner = to.d_inner
    task = next_task(queue, units, 2 * T + 1)
    while task >= 0:
        phase, first, last = part_of(task, units)
        t = T - 1 - phase // 2
        dz, a, count = dzs[t % 2], gates[max(t, 0), first:], active_width(ends, t, back)
        if phase % 2 == 0:
            begin_step(back, direct, dzs, WhT, d_last, ends, t, T, first, last)
            if t < 0:
                unpad(back, dh0, first, last)
            else:
                add_output_gradient(dh, back, ends, t, direct, count, first, last)
                before = hs[t, first:last]
                _step_back_gates(a, n_p, before, direct[first:], dz[first:], count)
        else:
            multiply(WhnT, first, last, dz[2 * n_p :], d_inner[first:], active_columns(ends, t))
            before, by_inner = hs[t, first:last], d_inner[first:]
            _step_back_reset(a, before, by_inner, direct[first:], dz[first:], count)
            scatter_gates(dz, 3, n_p, dz_flat, n, first, last, t * B, B, count)
            scatter_gates(inner[t], 1, n_p, n_flat, n, first, last, t * B, B, count)
        task = finish_and_next(queue, units, 2 * T + 1)


@inline
def _step_back_gates(a: Any, n_p: int, before: Any, d: Any, dz: Any, count: int) -> None:
    """dz of z and n; d becomes dh·z."""
    size = n_p * before.shape[1]
    rows, length = strips(before, count)
    for u in range(rows):
        for e in registers(before, u, length):
            z, n, dh = load(a, size + e), load(a, 2 * size + e), load(d, e)
            store(dz, size + e, dh * (load(before, e) - n) * z * (1.0 - z))
            store(dz, 2 * size + e, dh * (1.0 - z) * (1.0 - n * n))
            store(d, e, dh * z)


@inline
def _step_back_reset(a: Any, before: Any, d_inner: Any, d: Any, dz: Any, count: int) -> None:
    """dz of r, and the gradient of h⟨t−1⟩ through r ⊙ h added to d."""
    rows, length = strips(before, count)
    for u in range(rows):
        for e in registers(before, u, length):
            r, by = load(a, e), load(d_inner, e)
            store(dz, e, by * load(before, e) * r * (1.0 - r))
            store(d, e, load(d, e) + by * r)
