"""The time loops of the LSTM with layer norms.

A mean is over all units, so each norm begins a phase: a step has three, forward the products, the
gates and h; backward dh, dz and the gradient by the products. Every chunk computes the means of all
units by itself, in one order, so that the number of threads changes no bit.
"""

from __future__ import annotations

from typing import Any

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
from rnnx_zoo.kernels.layernorm_buffers import Forward, buffers, kept
from rnnx_zoo.kernels.norms import normalize, normalize_back

BLOCKS, GROUPS, STATES = 4, (4,), 2  # i, f, o, g
__all__ = ["BLOCKS", "GROUPS", "STATES", "backward", "buffers", "forward", "kept", "met"]


def met(kept: Any) -> list[Array | None]:
    return [None]


@kernel
def forward(
    queue: Any, units: Any, kept: Any, x: Any, Wh: Any, gains: Any, start: Any, final: Any
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
            normalize(products, 4, n, n_p, first, last, inverses_h[t, chunk], h_hat, count)
            _scale(h_hat, gh, a, n_p, first, last, count)
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
def _scale(x: Any, gain: Any, out: Any, n_p: int, first: int, last: int, count: int) -> None:
    """out = gain ⊙ x in the rows of these units in each block."""
    for block in range(4):
        row, end = block * n_p + first, block * n_p + last
        rows, length = strips(x[row:end], count)
        for u in range(row, row + rows):
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


@inline
def _begin(
    back_h: Any,
    back_c: Any,
    dh_t: Any,
    dc: Any,
    d_products: Any,
    dgh: Any,
    dm: Any,
    n_p: int,
    first: int,
    last: int,
) -> None:
    """Set what is added to, and what is read in padding or before a column begins, to 0."""
    clear(back_h, first, last)
    clear(back_c, first, last)
    clear(dh_t, first, last)
    clear(dc, first, last)
    clear_gates(d_products, 4, first, last)
    for block in range(4):
        clear(dgh, block * n_p + first, block * n_p + last)
    for block in range(2):
        clear(dm, block * n_p + first, block * n_p + last)


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
    _, _, cs, gates, _, h_hats, c_hats, showns, inverses_h, inverses_c = kept
    dz_flat, d_products_flat, dz, d_products, dh_t, back_h, back_c, by_c, dc, by_h, dgh, dm = own
    (gh, gc, _), n_p, (T, n, B) = gains, units[0], dh.shape
    task = next_task(queue, units, 3 * T + 1)
    while task >= 0:
        phase, first, last = part_of(task, units)
        t, part, chunk = T - 1 - phase // 3, phase % 3, first // units[1]
        count = active_width(ends, t, back_h)
        if part == 0:
            if phase == 0:
                _begin(back_h, back_c, dh_t, dc, d_products, dgh, dm, n_p, first, last)
            else:  # the gradient of h⟨t⟩ by the step after it
                _through_products(WhT, d_products, back_h, ends, t, first, last)
            _arrive(back_h, back_c, d_final, d_start, ends, t, first, last)
            if t >= 0:
                add_output_gradient(dh, back_h, ends, t, dh_t, count, first, last)
                known = gates[t], showns[t], c_hats[t], gc, dh_t
                _step_back_h(*known, dz, by_c, dm, n_p, first, last, count)
        elif part == 1:
            normalize_back(by_c, c_hats[t], 1, n, n_p, first, last, inverses_c[t, chunk], dc, count)
            _step_back_c(gates[t], n_p, cs[t], dc, back_c, dz, first, last, count)
            _step_back_gains(h_hats[t], gh, dz, by_h, dgh, n_p, first, last, count)
        else:
            d, inverse = d_products[t % 2], inverses_h[t, chunk]
            normalize_back(by_h, h_hats[t], 4, n, n_p, first, last, inverse, d, count)
            _scatter(dz, dz_flat, d, d_products_flat, n, n_p, first, last, t * B, B, count)
        task = finish_and_next(queue, units, 3 * T + 1)


@inline
def _through_products(
    WhT: Any, d_products: Any, back_h: Any, ends: Any, t: int, first: int, last: int
) -> None:
    """back_h = WhT · the gradient by the products of the step after t."""
    count = active_width(ends, t + 1, back_h)
    multiply(WhT, first, last, d_products[(t + 1) % 2], back_h[first:], count)


@inline
def _scatter(
    dz: Any,
    dz_flat: Any,
    d: Any,
    d_products_flat: Any,
    n: int,
    n_p: int,
    first: int,
    last: int,
    start: int,
    B: int,
    count: int,
) -> None:
    """Copy a step's gradients by z and by the products to where the weights' are computed from."""
    scatter_gates(dz, 4, n_p, dz_flat, n, first, last, start, B, count)
    scatter_gates(d, 4, n_p, d_products_flat, n, first, last, start, B, count)


@inline
def _arrive(
    back_h: Any,
    back_c: Any,
    d_final: Any,
    d_start: Any,
    ends: Any,
    t: int,
    first: int,
    last: int,
) -> None:
    """Add the gradient of the final state; before the first step all is that of the initial one."""
    (d_last_h, d_last_c), (dh0, dc0) = d_final, d_start
    add_final_gradient(back_h, d_last_h, ends, t, first, last)
    add_final_gradient(back_c, d_last_c, ends, t, first, last)
    if t < 0:
        unpad(back_h, dh0, first, last)
        unpad(back_c, dc0, first, last)


@inline
def _step_back_h(
    gates: Any,
    shown: Any,
    c_hat: Any,
    gc: Any,
    dh: Any,
    dz: Any,
    by_c: Any,
    dm: Any,
    n_p: int,
    first: int,
    last: int,
    count: int,
) -> None:
    """dz of o, the gradient by N(c), and what a step adds to those of gc and bc."""
    size = n_p * dh.shape[1]
    rows, length = strips(dh[first:last], count)
    for u in range(first, first + rows):
        for e in registers(dh, u, length):
            o, s, d = load(gates, 2 * size + e), load(shown, e), load(dh, e)
            store(dz, 2 * size + e, d * s * o * (1.0 - o))
            inner = d * o * (1.0 - s * s)
            store(by_c, e, load(gc, e) * inner)
            store(dm, e, load(dm, e) + inner * load(c_hat, e))
            store(dm, size + e, load(dm, size + e) + inner)


@inline
def _step_back_c(
    gates: Any,
    n_p: int,
    cs: Any,
    dc: Any,
    back_c: Any,
    dz: Any,
    first: int,
    last: int,
    count: int,
) -> None:
    """dz of i, f and g, and the gradient of c⟨t−1⟩ through f; ``cs`` is c⟨t−1⟩."""
    size = n_p * cs.shape[1]
    rows, length = strips(cs[first:last], count)
    for u in range(first, first + rows):
        for e in registers(cs, u, length):
            i, f, g = load(gates, e), load(gates, size + e), load(gates, 3 * size + e)
            d = load(dc, e) + load(back_c, e)
            store(dz, e, d * g * i * (1.0 - i))
            store(dz, size + e, d * load(cs, e) * f * (1.0 - f))
            store(dz, 3 * size + e, d * i * (1.0 - g * g))
            store(back_c, e, d * f)


@inline
def _step_back_gains(
    h_hat: Any,
    gh: Any,
    dz: Any,
    by_h: Any,
    dgh: Any,
    n_p: int,
    first: int,
    last: int,
    count: int,
) -> None:
    """The gradient by N of the products, and what a step adds to that of gh."""
    for block in range(4):
        row, end = block * n_p + first, block * n_p + last
        rows, length = strips(h_hat[row:end], count)
        for u in range(row, row + rows):
            for e in registers(h_hat, u, length):
                d = load(dz, e)
                store(by_h, e, load(gh, e) * d)
                store(dgh, e, load(dgh, e) + d * load(h_hat, e))
