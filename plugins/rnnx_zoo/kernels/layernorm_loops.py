"""The time loops of the LSTM with layer norms.

A mean is over all units, so each norm begins a phase: a step has three, forward the products, the
gates and h; backward dh, dz and the gradient by the products. Every chunk computes the means of all
units by itself, in one order, so that the number of threads changes no bit.
"""

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
from rnnx_zoo.kernels.norms import normalize, normalize_back

BLOCKS, GROUPS, STATES = 4, (4,), 2  # i, f, o, g


class Forward(NamedTuple):
    """What ``forward`` computes and ``backward`` reads; n_p and B_p are padded."""

    h_flat: Array  # (n_a, ≥ (T + 1)·B), the initial state first
    hs: Array  # (2, n_p, B_p): h of a step and of the one before
    cs: Array  # (T + 1, n_p, B_p), the initial state first
    gates: Array  # (T, 4·n_p, B_p): i, f, o, g after their activations
    products: Array  # (≥ 4·n_p, B_p): Wh·h⟨t−1⟩ of a step
    h_hat: Array  # (T, 4·n_p, B_p): N of them
    c_hat: Array  # (T, n_p, B_p): N(c)
    shown: Array  # (T, n_p, B_p): tanh(gc ⊙ N(c) + bc)
    inverse_h: Array  # (T, chunks, B_p): 1 / √(var + ε) of the products, as each chunk found it
    inverse_c: Array  # (T, chunks, B_p): that of c


class Backward(NamedTuple):
    """The buffers of ``backward``."""

    dz_flat: Array  # (4·n_a, ≥ T·B)
    d_products_flat: Array  # (4·n_a, ≥ T·B)
    dz: Array  # (4·n_p, B_p)
    d_products: Array  # (2, 4·n_p, B_p): of a step and of the one after it
    dh_t: Array  # (n_p, B_p): dh of a step
    back_h: Array  # (≥ n_p, B_p): dh from the step after
    back_c: Array  # (n_p, B_p): dc from the step after
    by_c: Array  # (n_p, B_p): the gradient by N(c)
    dc: Array  # (n_p, B_p): that by c through N
    by_h: Array  # (4·n_p, B_p): the gradient by N of the products
    dgh: Array  # (4·n_p, B_p): the gradient of gh by column
    dm: Array  # (2·n_p, B_p): those of gc and bc


def kept(of: Sizes, h_flat: Array) -> Forward:
    n_p, T, chunks = of.units.padded, of.T, -(-of.units.padded // of.units.chunk)
    return Forward(
        h_flat=h_flat,
        hs=of.steps("hs", 2, n_p),
        cs=of.steps("cs", T + 1, n_p),
        gates=of.steps("gates", T, 4 * n_p),
        products=of.product("products", 4 * n_p),
        h_hat=of.steps("h_hat", T, 4 * n_p),
        c_hat=of.steps("c_hat", T, n_p),
        shown=of.steps("shown", T, n_p),
        inverse_h=of.steps("inverse_h", T, chunks),
        inverse_c=of.steps("inverse_c", T, chunks),
    )


def buffers(of: Sizes) -> Backward:
    n_p = of.units.padded
    return Backward(
        dz_flat=of.flat("dz_flat", 4 * of.n_a),
        d_products_flat=of.flat("d_products_flat", 4 * of.n_a),
        dz=of.steps("dz_t", 4 * n_p),
        d_products=of.steps("d_products", 2, 4 * n_p),
        dh_t=of.steps("dh_t", n_p),
        back_h=of.product("back_h", n_p),
        back_c=of.steps("back_c", n_p),
        by_c=of.steps("by_c", n_p),
        dc=of.steps("dc_t", n_p),
        by_h=of.steps("by_h", 4 * n_p),
        dgh=of.steps("dgh_columns", 4 * n_p),
        dm=of.steps("dm_columns", 2 * n_p),
    )


def met(kept: Any) -> list[Array | None]:
    return [None]


@kernel
def forward(
    queue: Any,
    units: Any,
    kept: Any,
    x: Any,
    Wh: Any,
    gains: Any,
    start: Any,
    final: Any,
) -> None:
    """A whole sequence; a task is a third of a step of one chunk of units."""
    (table, ids, ends), (h0, c0), (final_h, final_c), to = x, start, final, Forward(*kept)
    h_flat, hs, cs, gates, products, h_hats, c_hats, showns, inverses_h, inverses_c = to
    gh, gc, bc = gains
    T, B, n, n_p = len(ids), len(ends), len(h0), units[0]
    task = next_task(queue, units, 3 * T + 1)
    while task >= 0:
        phase, first, last = part_of(task, units)
        t, part, chunk = (phase + 2) // 3 - 1, (phase + 2) % 3, first // units[1]
        h, c, count = hs[(t + 1) % 2], cs[t + 1], active_width(ends, t, hs[0])
        if t < 0:
            start_columns(h0, h, final_h, ends, first, last)
            start_columns(c0, c, final_c, ends, first, last)
            scatter_gates(h, 1, n_p, h_flat, n, first, last, 0, B, B)
        elif part == 0:
            multiply_gates(Wh, 4, n_p, first, last, hs[t % 2], products, count)
        elif part == 1:
            h_hat, a = h_hats[t], gates[t]
            inverse = inverses_h[t, chunk]
            normalize(products, 4, n, n_p, first, last, inverse, h_hat, count)
            for block in range(4):
                at, to_row = block * n_p + first, block * n_p + last
                _scale(h_hat[at:to_row], gh[at:], a[at:], count)
            add_to_gates(a, table, ids[t], 4, n, n_p, first, last, count)
            _memory(a[first:], n_p, cs[t, first:last], c[first:], count)
            end_columns(c, final_c, ends, t, count, first, last)
        else:
            c_hat, shown = c_hats[t], showns[t, first:]
            normalize(c, 1, n, n_p, first, last, inverses_c[t, chunk], c_hat, count)
            o = gates[t, 2 * n_p + first :]
            _show(c_hat[first:last], gc[first:], bc[first:], o, shown, h[first:], count)
            end_columns(h, final_h, ends, t, count, first, last)
            scatter_gates(h, 1, n_p, h_flat, n, first, last, (t + 1) * B, B, count)
        task = finish_and_next(queue, units, 3 * T + 1)


@inline
def _scale(x: Any, gain: Any, out: Any, count: int) -> None:
    """out = gain ⊙ x."""
    rows, length = strips(x, count)
    for u in range(rows):
        for e in registers(x, u, length):
            store(out, e, load(gain, e) * load(x, e))


@inline
def _memory(a: Any, n_p: int, before: Any, c: Any, count: int) -> None:
    """From the sums a and c⟨t−1⟩: the gates in place, and c."""
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
            store(c, e, f * load(before, e) + i * g)


@inline
def _show(c_hat: Any, gc: Any, bc: Any, o: Any, shown: Any, h: Any, count: int) -> None:
    rows, length = strips(c_hat, count)
    for u in range(rows):
        for e in registers(c_hat, u, length):
            s = tanh(load(gc, e) * load(c_hat, e) + load(bc, e))
            store(shown, e, s)
            store(h, e, load(o, e) * s)


@kernel
def backward(
    queue: Any,
    units: Any,
    kept: Any,
    own: Any,
    ends: Any,
    WhT: Any,
    gains: Any,
    dh: Any,
    d_final: Any,
    d_start: Any,
) -> None:
    """The gradients of a sequence; a task is a third of a step of one chunk of units."""
    seen, to, (d_last_h, d_last_c), (dh0, dc0) = Forward(*kept), Backward(*own), d_final, d_start
    cs, gates, h_hats, c_hats, showns = seen.cs, seen.gates, seen.h_hat, seen.c_hat, seen.shown
    inverses_h, inverses_c, n_p, (T, n, B) = seen.inverse_h, seen.inverse_c, units[0], dh.shape
    dz_flat, d_products_flat, dz, d_products, dh_t, back_h, back_c, by_c, dc, by_h, dgh, dm = to
    gh, gc, _ = gains
    task = next_task(queue, units, 3 * T + 1)
    while task >= 0:
        phase, first, last = part_of(task, units)
        t, part, chunk = T - 1 - phase // 3, phase % 3, first // units[1]
        at, count = max(t, 0), active_width(ends, t, back_h)
        if phase == 0:
            clear(back_h, first, last)
            clear(back_c, first, last)
            clear(dh_t, first, last)
            clear(dc, first, last)  # its padding is not written later
            clear_gates(d_products, 4, first, last)
            for block in range(4):
                clear(dgh, block * n_p + first, block * n_p + last)
            clear(dm, first, last)
            clear(dm, n_p + first, n_p + last)
        elif part == 0:  # the gradient of h⟨t⟩ by the step after it
            wide = active_width(ends, t + 1, back_h)
            multiply(WhT, first, last, d_products[(t + 1) % 2], back_h[first:], wide)
        if part == 0:
            add_final_gradient(back_h, d_last_h, ends, t, first, last)
            add_final_gradient(back_c, d_last_c, ends, t, first, last)
            if t < 0:
                unpad(back_h, dh0, first, last)
                unpad(back_c, dc0, first, last)
            else:
                add_output_gradient(dh, back_h, ends, t, dh_t, count, first, last)
                known = gates[t, 2 * n_p + first :], showns[t, first:], c_hats[t, first:]
                to_write = dz[2 * n_p + first :], by_c[first:], dm[first:], n_p
                _step_back_h(*known, gc[first:], dh_t[first:last], *to_write, count)
        elif part == 1:
            inverse = inverses_c[at, chunk]
            normalize_back(by_c, c_hats[at], 1, n, n_p, first, last, inverse, dc, count)
            known = gates[at, first:], n_p, cs[at, first:last]
            _step_back_c(*known, dc[first:], back_c[first:], dz[first:], count)
            for block in range(4):
                row, end = block * n_p + first, block * n_p + last
                h_hat, d = h_hats[at, row:end], dz[row:]
                _step_back_gain(h_hat, gh[row:], d, by_h[row:], dgh[row:], count)
            scatter_gates(dz, 4, n_p, dz_flat, n, first, last, at * B, B, count)
        else:
            d, inverse = d_products[t % 2], inverses_h[at, chunk]
            normalize_back(by_h, h_hats[at], 4, n, n_p, first, last, inverse, d, count)
            scatter_gates(d, 4, n_p, d_products_flat, n, first, last, at * B, B, count)
        task = finish_and_next(queue, units, 3 * T + 1)


@inline
def _step_back_h(
    o: Any,
    shown: Any,
    c_hat: Any,
    gc: Any,
    dh: Any,
    do: Any,
    by_c: Any,
    dm: Any,
    n_p: int,
    count: int,
) -> None:
    """dz of o, the gradient by N(c), and what a step adds to those of gc and bc."""
    size = n_p * dh.shape[1]
    rows, length = strips(dh, count)
    for u in range(rows):
        for e in registers(dh, u, length):
            gate, s, d = load(o, e), load(shown, e), load(dh, e)
            store(do, e, d * s * gate * (1.0 - gate))
            inner = d * gate * (1.0 - s * s)
            store(by_c, e, load(gc, e) * inner)
            store(dm, e, load(dm, e) + inner * load(c_hat, e))
            store(dm, size + e, load(dm, size + e) + inner)


@inline
def _step_back_c(a: Any, n_p: int, before: Any, dc: Any, back_c: Any, dz: Any, count: int) -> None:
    """dz of i, f and g, and the gradient of c⟨t−1⟩ through f."""
    size = n_p * before.shape[1]
    rows, length = strips(before, count)
    for u in range(rows):
        for e in registers(before, u, length):
            i, f, g = load(a, e), load(a, size + e), load(a, 3 * size + e)
            d = load(dc, e) + load(back_c, e)
            store(dz, e, d * g * i * (1.0 - i))
            store(dz, size + e, d * load(before, e) * f * (1.0 - f))
            store(dz, 3 * size + e, d * i * (1.0 - g * g))
            store(back_c, e, d * f)


@inline
def _step_back_gain(h_hat: Any, gh: Any, dz: Any, by_h: Any, dgh: Any, count: int) -> None:
    """The gradient by N of the products, and what a step adds to that of gh."""
    rows, length = strips(h_hat, count)
    for u in range(rows):
        for e in registers(h_hat, u, length):
            d = load(dz, e)
            store(by_h, e, load(gh, e) * d)
            store(dgh, e, load(dgh, e) + d * load(h_hat, e))
