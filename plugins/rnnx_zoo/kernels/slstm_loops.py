"""The time loops of sLSTM."""

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
    scatter,
    scatter_gates,
    start_columns,
    strips,
    unpad,
)
from rnnx_builtin.kernels.rnn.input_table import add_to_gates
from rnnx_builtin.kernels.simd.activations import exp, sigmoid, tanh
from rnnx_builtin.kernels.simd.compiling import inline, kernel
from rnnx_builtin.kernels.simd.gemm import multiply, multiply_gates
from rnnx_builtin.kernels.simd.vectors import at_least, load, store, where_positive
from rnnx_builtin.kernels.simd.work_queue import finish_and_next, next_task, part_of
from rnnx_zoo.kernels.gated import Sizes
from rnnx_zoo.kernels.logarithm import log_sigmoid

STATES, BLOCKS, GROUPS = 4, 4, (4,)
TINY = 1e-30  # as rnnx_zoo.slstm's


class Forward(NamedTuple):
    """What ``forward`` computes and ``backward`` reads; n_p and B_p are padded."""

    h_flat: Array  # (n_a, ≥ (T + 1)·B), the initial state first
    hs: Array  # (2, n_p, B_p): h of a step and of the one before
    cs: Array  # (T + 1, n_p, B_p), the initial state first, as in ns
    ns: Array
    ms: Array  # (2, n_p, B_p): m of a step and of the one before
    gates: Array  # (T, ≥ 4·n_p, B_p): i′, f′, σ(o), tanh(z)
    opened: Array  # (T, n_p, B_p): 1 − σ(f)


class Backward(NamedTuple):
    """The buffers of ``backward``."""

    dz_flat: Array  # (4·n_a, ≥ T·B)
    dz: Array  # (2, 4·n_p, B_p): of a step and of the one after it, gate by gate
    dh_t: Array  # (n_p, B_p): dh of a step
    back_h: Array  # (≥ n_p, B_p): dh from the step after, and dc, dn and dm (n_p, B_p)
    back_c: Array
    back_n: Array
    back_m: Array


def kept(of: Sizes, h_flat: Array) -> Forward:
    n_p = of.units.padded
    return Forward(
        h_flat=h_flat,
        hs=of.steps("hs", 2, n_p),
        cs=of.steps("cs", of.T + 1, n_p),
        ns=of.steps("ns", of.T + 1, n_p),
        ms=of.steps("ms", 2, n_p),
        gates=of.product("gates", 4 * n_p, of.T),
        opened=of.steps("opened", of.T, n_p),
    )


def buffers(of: Sizes) -> Backward:
    n_p = of.units.padded
    return Backward(
        dz_flat=of.flat("dz_flat", 4 * of.n_a),
        dz=of.steps("dz_t", 2, 4 * n_p),
        dh_t=of.steps("dh_t", n_p),
        back_h=of.product("back_h", n_p),
        back_c=of.steps("back_c", n_p),
        back_n=of.steps("back_n", n_p),
        back_m=of.steps("back_m", n_p),
    )


def met(kept: Any) -> list[Array | None]:
    return [None]


@kernel
def forward(queue: Any, units: Any, kept: Any, x: Any, Wh: Any, start: Any, final: Any) -> None:
    """A whole sequence; a task is one step of one chunk of units."""
    (table, ids, ends), (h0, c0, n0, m0), to = x, start, Forward(*kept)
    (final_h, final_c, final_n, final_m), h_flat, hs, cs = final, to.h_flat, to.hs, to.cs
    ns, ms, gates, opened, T, B, n = to.ns, to.ms, to.gates, to.opened, len(ids), len(ends), len(h0)
    task, n_p = next_task(queue, units, T + 1), units[0]
    while task >= 0:
        phase, first, last = part_of(task, units)
        t = phase - 1
        h, c, norm, m, count = hs[phase % 2], cs[phase], ns[phase], ms[phase % 2], B
        if t < 0:
            start_columns(h0, h, final_h, ends, first, last)
            start_columns(c0, c, final_c, ends, first, last)
            start_columns(n0, norm, final_n, ends, first, last)
            start_columns(m0, m, final_m, ends, first, last)
        else:
            a, count = gates[t], active_width(ends, t, h)
            multiply_gates(Wh, 4, n_p, first, last, hs[t % 2], a, count)
            add_to_gates(a, table, ids[t], 4, n, n_p, first, last, count)
            before = cs[t, first:last], ns[t, first:], ms[t % 2, first:]
            after = c[first:], norm[first:], m[first:], h[first:]
            _step(a[first:], opened[t, first:], n_p, *before, *after, count)
            end_columns(h, final_h, ends, t, count, first, last)
            end_columns(c, final_c, ends, t, count, first, last)
            end_columns(norm, final_n, ends, t, count, first, last)
            end_columns(m, final_m, ends, t, count, first, last)
        scatter(h, first, h_flat, first, min(last, n) - first, phase * B, B, count)
        task = finish_and_next(queue, units, T + 1)


@inline
def _step(
    a: Any,
    opened: Any,
    n_p: int,
    c0: Any,
    n0: Any,
    m0: Any,
    c: Any,
    norm: Any,
    m: Any,
    h: Any,
    count: int,
) -> None:
    """From the sums a and the state before: the gates in place, and the state after."""
    size = n_p * c0.shape[1]
    rows, length = strips(c0, count)
    for u in range(rows):
        for e in registers(c0, u, length):
            i, f = load(a, e), load(a, size + e)
            o, z = sigmoid(load(a, 2 * size + e)), tanh(load(a, 3 * size + e))
            store(opened, e, sigmoid(0.0 - f))
            f = log_sigmoid(f) + load(m0, e)
            top = at_least(i, f)
            i, f = exp(i - top), exp(f - top)
            store(a, e, i)
            store(a, size + e, f)
            store(a, 2 * size + e, o)
            store(a, 3 * size + e, z)
            new, total = f * load(c0, e) + i * z, f * load(n0, e) + i
            store(c, e, new)
            store(norm, e, total)
            store(m, e, top)
            store(h, e, o * (new / at_least(total, TINY)))


@kernel
def backward(
    queue: Any, units: Any, kept: Any, own: Any, ends: Any, WhT: Any, *gradients: Any
) -> None:
    """The gradients of a sequence; a task is one step of one chunk of units."""
    dh, d_final, d_start = gradients
    seen, to, (T, n, B), n_p = Forward(*kept), Backward(*own), dh.shape, units[0]
    cs, ns, gates, opened, dz_flat, dzs = (
        seen.cs,
        seen.ns,
        seen.gates,
        seen.opened,
        to.dz_flat,
        to.dz,
    )
    dh_t, back_h, back_c, back_n, back_m = to.dh_t, to.back_h, to.back_c, to.back_n, to.back_m
    task = next_task(queue, units, T + 1)
    while task >= 0:
        phase, first, last = part_of(task, units)
        t = T - 1 - phase
        if phase == 0:
            _clear_all(back_h, back_c, back_n, back_m, dh_t, first, last)
            clear_gates(dzs, 4, first, last)
        else:  # the gradient of h⟨t⟩ by the step after it
            count = active_width(ends, t + 1, back_h)
            multiply(WhT, first, last, dzs[(t + 1) % 2], back_h[first:], count)
        _add_finals(back_h, back_c, back_n, back_m, d_final, ends, t, first, last)
        if t < 0:
            _unpad_all(back_h, back_c, back_n, back_m, d_start, first, last)
        else:
            dz, count = dzs[t % 2], active_width(ends, t, back_h)
            add_output_gradient(dh, back_h, ends, t, dh_t, count, first, last)
            known = gates[t, first:], opened[t, first:], n_p, cs[t, first:], cs[t + 1, first:]
            norms, d = (ns[t, first:], ns[t + 1, first:]), dh_t[first:last]
            back = back_c[first:], back_n[first:], back_m[first:]
            _step_back(*known, *norms, d, *back, dz[first:], count)
            scatter_gates(dz, 4, n_p, dz_flat, n, first, last, t * B, B, count)
        task = finish_and_next(queue, units, T + 1)


@inline
def _clear_all(
    back_h: Any, back_c: Any, back_n: Any, back_m: Any, dh_t: Any, first: int, last: int
) -> None:
    clear(back_h, first, last)
    clear(back_c, first, last)
    clear(back_n, first, last)
    clear(back_m, first, last)
    clear(dh_t, first, last)


@inline
def _add_finals(
    h: Any, c: Any, n: Any, m: Any, d_final: Any, ends: Any, t: int, first: int, last: int
) -> None:
    add_final_gradient(h, d_final[0], ends, t, first, last)
    add_final_gradient(c, d_final[1], ends, t, first, last)
    add_final_gradient(n, d_final[2], ends, t, first, last)
    add_final_gradient(m, d_final[3], ends, t, first, last)


@inline
def _unpad_all(h: Any, c: Any, n: Any, m: Any, d_start: Any, first: int, last: int) -> None:
    unpad(h, d_start[0], first, last)
    unpad(c, d_start[1], first, last)
    unpad(n, d_start[2], first, last)
    unpad(m, d_start[3], first, last)


@inline
def _step_back(
    a: Any,
    opened: Any,
    n_p: int,
    c0: Any,
    c: Any,
    n0: Any,
    norm: Any,
    dh: Any,
    back_c: Any,
    back_n: Any,
    back_m: Any,
    dz: Any,
    count: int,
) -> None:
    """dz of the four blocks, and the gradients of c, n and m before the step."""
    size = n_p * dh.shape[1]
    rows, length = strips(dh, count)
    for u in range(rows):
        for e in registers(dh, u, length):
            i, f = load(a, e), load(a, size + e)
            o, z, d = load(a, 2 * size + e), load(a, 3 * size + e), load(dh, e)
            total = at_least(load(norm, e), TINY)
            mean, dy = load(c, e) / total, d * o / total
            dc, dn = load(back_c, e) + dy, load(back_n, e) - dy * mean
            by_i = (dc * z + dn) * i
            through = (dc * load(c0, e) + dn * load(n0, e)) * f
            # m scales i′ and f′ down, and is the larger of their two exponents.
            dm = load(back_m, e) - by_i - through
            by_f = where_positive(1.0 - i, dm)
            through = through + by_f
            store(dz, e, by_i + (dm - by_f))
            store(dz, size + e, through * load(opened, e))
            store(dz, 2 * size + e, d * mean * o * (1.0 - o))
            store(dz, 3 * size + e, dc * i * (1.0 - z * z))
            store(back_c, e, dc * f)
            store(back_n, e, dn * f)
            store(back_m, e, through)
