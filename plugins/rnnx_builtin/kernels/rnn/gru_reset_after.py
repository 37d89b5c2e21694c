"""The GRU's time loops with the reset after the product: n = tanh(Wx·x + b + r ⊙ (Wh·h + bn))."""

from __future__ import annotations

from typing import Any

from rnnx_builtin.kernels.rnn.columns import (
    active_columns,
    active_width,
    add_output_gradient,
    end_columns,
    registers,
    scatter,
    scatter_gates,
    start_columns,
    strips,
    unpad,
)
from rnnx_builtin.kernels.rnn.gru_buffers import Backward, Forward, begin_step
from rnnx_builtin.kernels.rnn.input_table import add_to_gates
from rnnx_builtin.kernels.simd.activations import sigmoid, tanh
from rnnx_builtin.kernels.simd.compiling import inline, kernel
from rnnx_builtin.kernels.simd.gemm import lanes_of, multiply_gates
from rnnx_builtin.kernels.simd.vectors import load, store, zeros_of
from rnnx_builtin.kernels.simd.work_queue import finish_and_next, next_task, part_of


@kernel
def forward(
    queue: Any, units: Any, kept: Any, x: Any, Wh: Any, bn: Any, start: Any, final: Any
) -> None:
    """A whole sequence; a task is one step of one chunk of units."""
    (table, ids, ends), (h0,), (final_h,), to = x, start, final, Forward(*kept)
    h_flat, hs, gates, inners = to.h_flat, to.hs, to.gates, to.inner
    T, B, n, n_p = len(ids), len(ends), len(h0), units[0]
    task = next_task(queue, units, T + 1)
    while task >= 0:
        phase, first, last = part_of(task, units)
        t = phase - 1
        h, count = hs[phase], B
        if t < 0:
            start_columns(h0, h, final_h, ends, first, last)
        else:
            a, inner, count = gates[t], inners[t], active_width(ends, t, h)
            multiply_gates(Wh, 3, n_p, first, last, hs[t], a, active_columns(ends, t))
            _split_candidate(a[2 * n_p :], bn, inner, count, first, last)
            add_to_gates(a, table, ids[t], 3, n, n_p, first, last, count)
            _step(a[first:], n_p, inner[first:], hs[t, first:last], h[first:], count)
            end_columns(h, final_h, ends, t, count, first, last)
        scatter(h, first, h_flat, first, min(last, n) - first, phase * B, B, count)
        task = finish_and_next(queue, units, T + 1)


@inline
def _split_candidate(a: Any, bn: Any, inner: Any, count: int, first: int, last: int) -> None:
    """inner = n's product + bn; n's rows of a become 0, for the input alone."""
    B = a.shape[1]
    for u in range(first, last):
        bias = bn[u, 0] if u < len(bn) else bn[0, 0] * 0
        if B == 1:
            inner[u, 0] = a[u, 0] + bias
            a[u, 0] = 0
            continue
        for e in range(u * B, u * B + count, lanes_of(a)):
            store(inner, e, load(a, e) + bias)
            store(a, e, zeros_of(a))


@inline
def _step(a: Any, n_p: int, inner: Any, before: Any, h: Any, count: int) -> None:
    """From the sums a and h⟨t−1⟩: the gates in place, and h."""
    size = n_p * before.shape[1]
    rows, length = strips(before, count)
    for u in range(rows):
        for e in registers(before, u, length):
            r, z = sigmoid(load(a, e)), sigmoid(load(a, size + e))
            n = tanh(load(a, 2 * size + e) + r * load(inner, e))
            store(a, e, r)
            store(a, size + e, z)
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
    dh: Any,
    d_final: Any,
    d_start: Any,
) -> None:
    """The gradients of a sequence; a task is one step of one chunk of units."""
    seen, to, (d_last,), (dh0,) = Forward(*kept), Backward(*own), d_final, d_start
    hs, gates, inner, n_p, (T, n, B) = seen.hs, seen.gates, seen.inner, units[0], dh.shape
    dz_flat, n_flat, dzs, direct, dn = to.dz_flat, to.n_flat, to.dz, to.direct, to.dn
    back = to.back
    task = next_task(queue, units, T + 1)
    while task >= 0:
        phase, first, last = part_of(task, units)
        t = T - 1 - phase
        begin_step(back, direct, dzs, WhT, d_last, ends, t, T, first, last)
        if t < 0:
            unpad(back, dh0, first, last)
        else:
            dz, count = dzs[t % 2], active_width(ends, t, back)
            add_output_gradient(dh, back, ends, t, direct, count, first, last)
            known = gates[t, first:], n_p, inner[t, first:], hs[t, first:last]
            _step_back(*known, direct[first:], dn[first:], dz[first:], count)
            scatter_gates(dz, 2, n_p, dz_flat, n, first, last, t * B, B, count)
            scatter_gates(dz[2 * n_p :], 1, n_p, n_flat, n, first, last, t * B, B, count)
            scatter_gates(dn, 1, n_p, dz_flat[2 * n :], n, first, last, t * B, B, count)
        task = finish_and_next(queue, units, T + 1)


@inline
def _step_back(
    a: Any, n_p: int, inner: Any, before: Any, d: Any, by_input: Any, dz: Any, count: int
) -> None:
    """dz by the products of r, z and n; d becomes dh·z, ``by_input`` dn by the input."""
    size = n_p * before.shape[1]
    rows, length = strips(before, count)
    for u in range(rows):
        for e in registers(before, u, length):
            r, z, n = load(a, e), load(a, size + e), load(a, 2 * size + e)
            dh = load(d, e)
            dn = dh * (1.0 - z) * (1.0 - n * n)
            store(dz, e, dn * load(inner, e) * r * (1.0 - r))
            store(dz, size + e, dh * (load(before, e) - n) * z * (1.0 - z))
            store(dz, 2 * size + e, dn * r)
            store(d, e, dh * z)
            store(by_input, e, dn)
