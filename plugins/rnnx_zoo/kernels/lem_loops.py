"""The time loops of LEM. A step has two phases: z of all units must be there before m of any."""

from __future__ import annotations

from typing import Any, NamedTuple

from rnnx.arrays import Array
from rnnx_builtin.kernels.rnn.columns import (
    active_width,
    add_final_gradient,
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
from rnnx_builtin.kernels.simd.gemm import multiply, multiply_gates
from rnnx_builtin.kernels.simd.vectors import load, store
from rnnx_builtin.kernels.simd.work_queue import finish_and_next, next_task, part_of
from rnnx_zoo.kernels.beginning import begin_step
from rnnx_zoo.kernels.gated import Sizes

BLOCKS, GROUPS, STATES = 4, (3, 1), 2  # d, s, n; m


class Forward(NamedTuple):
    """What ``forward`` computes and ``backward`` reads; n_p and B_p are padded."""

    h_flat: Array  # (n_a, ≥ (T + 1)·B), the initial state first
    z_flat: Array  # (n_a, ≥ T·B): z⟨t⟩
    hs: Array  # (T + 1, n_p, B_p), the initial state first
    zs: Array  # (T + 1, n_p, B_p), the initial state first
    gates: Array  # (T, ≥ 4·n_p, B_p): d / dt, s / dt, n, m after their activations
    q: Array  # (≥ n_p, B_p): m's product


class Backward(NamedTuple):
    """The buffers of ``backward``."""

    dz_flat: Array  # (4·n_a, ≥ T·B)
    dz: Array  # (2, 4·n_p, B_p): of a step and of the one after it
    direct: Array  # (n_p, B_p): the gradient of h⟨t−1⟩ that passes no product
    back_h: Array  # (≥ n_p, B_p): dh from the step after
    back_z: Array  # (n_p, B_p): that of z
    by_m: Array  # (≥ n_p, B_p): the gradient of z⟨t⟩ through m


def kept(of: Sizes, h_flat: Array) -> Forward:
    n_p = of.units.padded
    return Forward(
        h_flat=h_flat,
        z_flat=of.flat("z_flat", of.n_a),
        hs=of.steps("hs", of.T + 1, n_p),
        zs=of.steps("zs", of.T + 1, n_p),
        gates=of.product("gates", 4 * n_p, of.T),
        q=of.product("q", n_p),
    )


def buffers(of: Sizes) -> Backward:
    n_p = of.units.padded
    return Backward(
        dz_flat=of.flat("dz_flat", 4 * of.n_a),
        dz=of.steps("dz_t", 2, 4 * n_p),
        direct=of.steps("direct", n_p),
        back_h=of.product("back_h", n_p),
        back_z=of.steps("back_z", n_p),
        by_m=of.product("by_m", n_p),
    )


def met(kept: Any) -> list[Array | None]:
    return [None, Forward(*kept).z_flat]


@kernel
def forward(
    queue: Any,
    units: Any,
    kept: Any,
    x: Any,
    Wh: Any,
    Whm: Any,
    dt: float,
    start: Any,
    final: Any,
) -> None:
    """A whole sequence; a task is half a step of one chunk of units."""
    (table, ids, ends), (h0, z0), (final_h, final_z), to = x, start, final, Forward(*kept)
    h_flat, z_flat, hs, zs, gates, q = to
    T, B, n, n_p = len(ids), len(ends), len(h0), units[0]
    task = next_task(queue, units, 2 * T + 1)
    while task >= 0:
        phase, first, last = part_of(task, units)
        t, is_first_half = (phase + 1) // 2 - 1, phase % 2 == 1
        h, z, a, count = hs[t + 1], zs[t + 1], gates[max(t, 0)], active_width(ends, t, hs[0])
        if t < 0:
            start_columns(h0, h, final_h, ends, first, last)
            start_columns(z0, z, final_z, ends, first, last)
        elif is_first_half:
            multiply_gates(Wh, 3, n_p, first, last, hs[t], a, count)
            clear(a, 3 * n_p + first, 3 * n_p + last)
            add_to_gates(a, table, ids[t], 4, n, n_p, first, last, count)
            _gates(a[first:], n_p, zs[t, first:last], z[first:], count, dt)
            end_columns(z, final_z, ends, t, count, first, last)
            scatter_gates(z, 1, n_p, z_flat, n, first, last, t * B, B, count)
        else:
            multiply(Whm, first, last, z, q[first:], count)
            _step(a[first:], n_p, q[first:], hs[t, first:last], h[first:], count, dt)
            end_columns(h, final_h, ends, t, count, first, last)
        if not is_first_half:
            scatter_gates(h, 1, n_p, h_flat, n, first, last, (t + 1) * B, B, count)
        task = finish_and_next(queue, units, 2 * T + 1)


@inline
def _gates(a: Any, n_p: int, before: Any, z: Any, count: int, dt: float) -> None:
    """From the sums a and z⟨t−1⟩: d, s and n in place, and z."""
    size = n_p * before.shape[1]
    rows, length = strips(before, count)
    for u in range(rows):
        for e in registers(before, u, length):
            s, n, old = sigmoid(load(a, size + e)), tanh(load(a, 2 * size + e)), load(before, e)
            store(a, e, sigmoid(load(a, e)))
            store(a, size + e, s)
            store(a, 2 * size + e, n)
            store(z, e, old + s * dt * (n - old))


@inline
def _step(a: Any, n_p: int, q: Any, before: Any, h: Any, count: int, dt: float) -> None:
    """From d, m's product q and h⟨t−1⟩: m in place, and h."""
    size = n_p * before.shape[1]
    rows, length = strips(before, count)
    for u in range(rows):
        for e in registers(before, u, length):
            m, old = tanh(load(a, 3 * size + e) + load(q, e)), load(before, e)
            store(a, 3 * size + e, m)
            store(h, e, old + load(a, e) * dt * (m - old))


@kernel
def backward(
    queue: Any,
    units: Any,
    kept: Any,
    own: Any,
    ends: Any,
    WhT: Any,
    WhmT: Any,
    dt: float,
    dh: Any,
    d_final: Any,
    d_start: Any,
) -> None:
    """The gradients of a sequence; a task is half a step of one chunk of units."""
    seen, to, (d_last_h, d_last_z), (dh0, dz0) = Forward(*kept), Backward(*own), d_final, d_start
    hs, zs, gates, n_p, (T, n, B) = seen.hs, seen.zs, seen.gates, units[0], dh.shape
    dz_flat, dzs, direct, back_h, back_z, by_m = to
    task = next_task(queue, units, 2 * T + 1)
    while task >= 0:
        phase, first, last = part_of(task, units)
        t = T - 1 - phase // 2
        dz, a, count = dzs[t % 2], gates[max(t, 0), first:], active_width(ends, t, back_h)
        if phase == 0:
            clear(back_z, first, last)
        if phase % 2 == 0:
            begin_step(back_h, direct, dzs, 4, WhT, d_last_h, ends, t, T, first, last)
            add_final_gradient(back_z, d_last_z, ends, t, first, last)
            if t < 0:
                unpad(back_h, dh0, first, last)
                unpad(back_z, dz0, first, last)
            else:
                add_output_gradient(dh, back_h, ends, t, direct, count, first, last)
                _step_back_h(a, n_p, hs[t, first:last], direct[first:], dz[first:], count, dt)
        else:
            multiply(WhmT, first, last, dz[3 * n_p :], by_m[first:], count)
            before = zs[t, first:last]
            _step_back_z(a, n_p, before, by_m[first:], back_z[first:], dz[first:], count, dt)
            scatter_gates(dz, 4, n_p, dz_flat, n, first, last, t * B, B, count)
        task = finish_and_next(queue, units, 2 * T + 1)


@inline
def _step_back_h(a: Any, n_p: int, before: Any, d: Any, dz: Any, count: int, dt: float) -> None:
    """dz of d and m; d, which is dh, becomes the gradient of h⟨t−1⟩ that passes no product."""
    size = n_p * before.shape[1]
    rows, length = strips(before, count)
    for u in range(rows):
        for e in registers(before, u, length):
            gate, m, dh = load(a, e), load(a, 3 * size + e), load(d, e)
            store(dz, e, dh * dt * (m - load(before, e)) * gate * (1.0 - gate))
            store(dz, 3 * size + e, dh * dt * gate * (1.0 - m * m))
            store(d, e, dh * (1.0 - gate * dt))


@inline
def _step_back_z(
    a: Any, n_p: int, before: Any, by_m: Any, back: Any, dz: Any, count: int, dt: float
) -> None:
    """dz of s and n, and the gradient of z⟨t−1⟩."""
    size = n_p * before.shape[1]
    rows, length = strips(before, count)
    for u in range(rows):
        for e in registers(before, u, length):
            s, n, d = load(a, size + e), load(a, 2 * size + e), load(back, e) + load(by_m, e)
            store(dz, size + e, d * dt * (n - load(before, e)) * s * (1.0 - s))
            store(dz, 2 * size + e, d * dt * s * (1.0 - n * n))
            store(back, e, d * (1.0 - s * dt))
