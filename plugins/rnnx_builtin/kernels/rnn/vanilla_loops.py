"""The time loops of the vanilla cell."""

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
    start_columns,
    strips,
    unpad,
)
from rnnx_builtin.kernels.rnn.input_table import add_to_gates
from rnnx_builtin.kernels.simd.activations import tanh
from rnnx_builtin.kernels.simd.compiling import inline, kernel
from rnnx_builtin.kernels.simd.gemm import multiply
from rnnx_builtin.kernels.simd.vectors import at_least, load, store, where_positive
from rnnx_builtin.kernels.simd.work_queue import finish_and_next, next_task, part_of


class Forward(NamedTuple):
    """What ``forward`` computes and ``backward`` reads; n_p and B_p are padded."""

    h_flat: Array  # (n_a, ≥ (T + 1)·B), the initial state first
    hs: Array  # (T + 1, ≥ n_p, B_p), the initial state first


class Backward(NamedTuple):
    """The buffers of ``backward``."""

    dz_flat: Array  # (n_a, ≥ T·B)
    dz: Array  # (2, n_p, B_p): of a step and of the one after it
    back: Array  # (≥ n_p, B_p): dh from the step after


@kernel
def forward(
    queue: Any, units: Any, kept: Any, x: Any, Wh: Any, relu: bool, start: Any, final: Any
) -> None:
    """A whole sequence; a task is one step of one chunk of units."""
    (table, ids, ends), (h0,), (final_h,), to = x, start, final, Forward(*kept)
    h_flat, hs = to.h_flat, to.hs
    T, B, n, n_p = len(ids), len(ends), len(h0), units[0]
    task = next_task(queue, units, T + 1)
    while task >= 0:
        phase, first, last = part_of(task, units)
        t = phase - 1
        h, count = hs[phase], B
        if t < 0:
            start_columns(h0, h, final_h, ends, first, last)
        else:
            count = active_width(ends, t, h)
            multiply(Wh, first, last, hs[t], h[first:], active_columns(ends, t))
            add_to_gates(h, table, ids[t], 1, n, n_p, first, last, count)
            _step(h[first:last], count, relu)
            end_columns(h, final_h, ends, t, count, first, last)
        scatter(h, first, h_flat, first, min(last, n) - first, phase * B, B, count)
        task = finish_and_next(queue, units, T + 1)


@inline
def _step(h: Any, count: int, relu: bool) -> None:
    """φ in place."""
    rows, length = strips(h, count)
    for u in range(rows):
        for e in registers(h, u, length):
            store(h, e, at_least(load(h, e), 0.0) if relu else tanh(load(h, e)))


@kernel
def backward(
    queue: Any,
    units: Any,
    kept: Any,
    own: Any,
    ends: Any,
    WhT: Any,
    relu: bool,
    dh: Any,
    d_final: Any,
    d_start: Any,
) -> None:
    """The gradients of a sequence; a task is one step of one chunk of units."""
    seen, to, (d_last,), (dh0,) = Forward(*kept), Backward(*own), d_final, d_start
    hs, dz_flat, dzs, back, (T, n, B) = seen.hs, to.dz_flat, to.dz, to.back, dh.shape
    task = next_task(queue, units, T + 1)
    while task >= 0:
        phase, first, last = part_of(task, units)
        t = T - 1 - phase
        if phase == 0:
            clear(back, first, last)
            clear_gates(dzs, 1, first, last)
        else:  # the gradient of h⟨t⟩ by the step after it
            count = active_columns(ends, t + 1)
            multiply(WhT, first, last, dzs[(t + 1) % 2], back[first:], count)
        add_final_gradient(back, d_last, ends, t, first, last)
        if t < 0:
            unpad(back, dh0, first, last)
        else:
            dz, count = dzs[t % 2], active_width(ends, t, back)
            add_output_gradient(dh, back, ends, t, dz, count, first, last)
            _step_back(hs[t + 1, first:last], dz[first:last], count, relu)
            scatter(dz, first, dz_flat, first, min(last, n) - first, t * B, B, count)
        task = finish_and_next(queue, units, T + 1)


@inline
def _step_back(h: Any, dz: Any, count: int, relu: bool) -> None:
    """dz = dh ⊙ φ′, in place: φ′ = 1 − h² or [h > 0]."""
    rows, length = strips(dz, count)
    for u in range(rows):
        for e in registers(dz, u, length):
            out, d = load(h, e), load(dz, e)
            store(dz, e, where_positive(out, d) if relu else d * (1.0 - out * out))
