"""The time loops of the MGU. A step has two phases: f ⊙ h of all units must be there before n."""

from __future__ import annotations

from typing import Any, NamedTuple

from rnnx.arrays import Array
from rnnx_builtin.kernels.rnn.columns import (
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
from rnnx_builtin.kernels.rnn.input_table import add_to_gates
from rnnx_builtin.kernels.simd.activations import sigmoid, tanh
from rnnx_builtin.kernels.simd.compiling import inline, kernel
from rnnx_builtin.kernels.simd.gemm import multiply
from rnnx_builtin.kernels.simd.vectors import load, store
from rnnx_builtin.kernels.simd.work_queue import finish_and_next, next_task, part_of
from rnnx_zoo.kernels.beginning import begin_step
from rnnx_zoo.kernels.gated import Sizes

BLOCKS, GROUPS, STATES = 2, (1, 1), 1  # f, n


class Forward(NamedTuple):
    """What ``forward`` computes and ``backward`` reads; n_p and B_p are padded."""

    h_flat: Array  # (n_a, ≥ (T + 1)·B), the initial state first
    inner_flat: Array  # (n_a, ≥ T·B): f ⊙ h⟨t−1⟩
    hs: Array  # (T + 1, n_p, B_p), the initial state first
    gates: Array  # (T, ≥ 2·n_p, B_p): f, n after their activations
    inner: Array  # (n_p, B_p): f ⊙ h⟨t−1⟩ of a step
    q: Array  # (≥ n_p, B_p): n's product


class Backward(NamedTuple):
    """The buffers of ``backward``."""

    dz_flat: Array  # (2·n_a, ≥ T·B)
    dz: Array  # (2, 2·n_p, B_p): of a step and of the one after it
    direct: Array  # (n_p, B_p): the gradient of h⟨t−1⟩ that passes no product
    back: Array  # (≥ n_p, B_p): dh from the step after
    d_inner: Array  # (≥ n_p, B_p): the gradient of f ⊙ h⟨t−1⟩


def kept(of: Sizes, h_flat: Array) -> Forward:
    n_p = of.units.padded
    return Forward(
        h_flat=h_flat,
        inner_flat=of.flat("inner_flat", of.n_a),
        hs=of.steps("hs", of.T + 1, n_p),
        gates=of.product("gates", 2 * n_p, of.T),
        inner=of.steps("inner", n_p),
        q=of.product("q", n_p),
    )


def buffers(of: Sizes) -> Backward:
    n_p = of.units.padded
    return Backward(
        dz_flat=of.flat("dz_flat", 2 * of.n_a),
        dz=of.steps("dz_t", 2, 2 * n_p),
        direct=of.steps("direct", n_p),
        back=of.product("back_h", n_p),
        d_inner=of.product("d_inner", n_p),
    )


def met(kept: Any) -> list[Array | None]:
    return [None, Forward(*kept).inner_flat]


@kernel
def forward(
    queue: Any, units: Any, kept: Any, x: Any, Whf: Any, Whn: Any, start: Any, final: Any
) -> None:
    """A whole sequence; a task is half a step of one chunk of units."""
    (table, ids, ends), (h0,), (final_h,), to = x, start, final, Forward(*kept)
    h_flat, inner_flat, hs, gates, inner, q = to
    T, B, n, n_p = len(ids), len(ends), len(h0), units[0]
    task = next_task(queue, units, 2 * T + 1)
    while task >= 0:
        phase, first, last = part_of(task, units)
        t, is_first_half = (phase + 1) // 2 - 1, phase % 2 == 1
        h, a, count = hs[t + 1], gates[max(t, 0)], active_width(ends, t, hs[0])
        if t < 0:
            start_columns(h0, h, final_h, ends, first, last)
        elif is_first_half:
            multiply(Whf, first, last, hs[t], a[first:], count)
            clear(a, n_p + first, n_p + last)
            add_to_gates(a, table, ids[t], 2, n, n_p, first, last, count)
            _gate(a[first:], hs[t, first:last], inner[first:], count)
            scatter_gates(inner, 1, n_p, inner_flat, n, first, last, t * B, B, count)
        else:
            multiply(Whn, first, last, inner, q[first:], count)
            _step(a[first:], n_p, q[first:], hs[t, first:last], h[first:], count)
            end_columns(h, final_h, ends, t, count, first, last)
        if not is_first_half:
            scatter_gates(h, 1, n_p, h_flat, n, first, last, (t + 1) * B, B, count)
        task = finish_and_next(queue, units, 2 * T + 1)


@inline
def _gate(a: Any, before: Any, inner: Any, count: int) -> None:
    """From the sums a and h⟨t−1⟩: f in place, and inner = f ⊙ h⟨t−1⟩."""
    rows, length = strips(before, count)
    for u in range(rows):
        for e in registers(before, u, length):
            f = sigmoid(load(a, e))
            store(a, e, f)
            store(inner, e, f * load(before, e))


@inline
def _step(a: Any, n_p: int, q: Any, before: Any, h: Any, count: int) -> None:
    """From f, n's product q and h⟨t−1⟩: n in place, and h."""
    size = n_p * before.shape[1]
    rows, length = strips(before, count)
    for u in range(rows):
        for e in registers(before, u, length):
            n, old = tanh(load(a, size + e) + load(q, e)), load(before, e)
            store(a, size + e, n)
            store(h, e, old + load(a, e) * (n - old))


@kernel
def backward(
    queue: Any,
    units: Any,
    kept: Any,
    own: Any,
    ends: Any,
    WhfT: Any,
    WhnT: Any,
    dh: Any,
    d_final: Any,
    d_start: Any,
) -> None:
    """The gradients of a sequence; a task is half a step of one chunk of units."""
    seen, to, (d_last,), (dh0,) = Forward(*kept), Backward(*own), d_final, d_start
    hs, gates, n_p, (T, n, B) = seen.hs, seen.gates, units[0], dh.shape
    dz_flat, dzs, direct, back, d_inner = to
    task = next_task(queue, units, 2 * T + 1)
    while task >= 0:
        phase, first, last = part_of(task, units)
        t = T - 1 - phase // 2
        dz, a, count = dzs[t % 2], gates[max(t, 0), first:], active_width(ends, t, back)
        if phase % 2 == 0:
            begin_step(back, direct, dzs, 2, WhfT, d_last, ends, t, T, first, last)
            if t < 0:
                unpad(back, dh0, first, last)
            else:
                add_output_gradient(dh, back, ends, t, direct, count, first, last)
                _step_back_candidate(a, n_p, direct[first:last], dz[first:], count)
        else:
            multiply(WhnT, first, last, dz[n_p:], d_inner[first:], count)
            before, by_inner = hs[t, first:last], d_inner[first:]
            _step_back_gate(a, n_p, before, by_inner, direct[first:], dz[first:], count)
            scatter_gates(dz, 2, n_p, dz_flat, n, first, last, t * B, B, count)
        task = finish_and_next(queue, units, 2 * T + 1)


@inline
def _step_back_candidate(a: Any, n_p: int, dh: Any, dz: Any, count: int) -> None:
    """dz of n."""
    size = n_p * dh.shape[1]
    rows, length = strips(dh, count)
    for u in range(rows):
        for e in registers(dh, u, length):
            n = load(a, size + e)
            store(dz, size + e, load(dh, e) * load(a, e) * (1.0 - n * n))


@inline
def _step_back_gate(
    a: Any, n_p: int, before: Any, d_inner: Any, d: Any, dz: Any, count: int
) -> None:
    """dz of f; d, which is dh, becomes the gradient of h⟨t−1⟩ that passes no product."""
    size = n_p * before.shape[1]
    rows, length = strips(before, count)
    for u in range(rows):
        for e in registers(before, u, length):
            f, n, old = load(a, e), load(a, size + e), load(before, e)
            by, dh = load(d_inner, e), load(d, e)
            store(dz, e, (dh * (n - old) + by * old) * f * (1.0 - f))
            store(d, e, dh * (1.0 - f) + by * f)
