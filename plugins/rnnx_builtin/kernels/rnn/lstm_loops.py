"""The LSTM's time loops."""

from __future__ import annotations

from typing import Any

from rnnx_builtin.kernels.rnn.columns import (
    add_outputs,
    begin_final,
    clear,
    clear_gates,
    end_columns,
    enter_gradient,
    places,
    running,
    spread,
    spread_gates,
    strips,
    take_in,
    take_out,
)
from rnnx_builtin.kernels.rnn.input_table import add_to_gates
from rnnx_builtin.kernels.simd.activations import sigmoid, tanh
from rnnx_builtin.kernels.simd.compiling import inline, kernel
from rnnx_builtin.kernels.simd.gemm import multiply, multiply_gates
from rnnx_builtin.kernels.simd.vectors import load, store
from rnnx_builtin.kernels.simd.work_queue import draw, draw_again, units_at


@kernel
def forward(
    crew: Any,
    n_p: int,
    chunk: int,
    Wh: Any,
    table: Any,
    ids: Any,
    h0: Any,
    c0: Any,
    ends: Any,
    hs: Any,
    cs: Any,
    gates: Any,
    tanh_c: Any,
    h_flat: Any,
    final_h: Any,
    final_c: Any,
) -> None:
    """A sequence, chunk by chunk of its units."""
    T, B, n, chunks = len(ids), len(ends), len(h0), -(-n_p // chunk)
    ticket = draw(crew, chunks, (T + 1) * chunks)
    while ticket >= 0:
        t, (first, last) = ticket // chunks - 1, units_at(ticket, chunks, chunk, n_p)
        rows, h, c, count = min(last, n) - first, hs[(t + 1) % 2], cs[t + 1], B
        if t < 0:
            take_in(h0, h, first, last)
            take_in(c0, c, first, last)
            begin_final(h0, final_h, ends, first, last)
            begin_final(c0, final_c, ends, first, last)
        else:
            a, count = gates[t], running(ends, t, h)
            multiply_gates(Wh, 4, n_p, first, last, hs[t % 2], a, count)
            add_to_gates(a, table, ids[t], 4, n, n_p, first, last, count)
            kept = cs[t, first:last], c[first:], tanh_c[t, first:]
            _step(a[first:], n_p, *kept, h[first:], count)
            end_columns(h, final_h, ends, t, count, first, last)
            end_columns(c, final_c, ends, t, count, first, last)
        spread(h, first, h_flat, first, rows, (t + 1) * B, B, count)
        ticket = draw_again(crew, chunks, (T + 1) * chunks)


@inline
def _step(a: Any, n_p: int, before: Any, c: Any, tanh_c: Any, h: Any, count: int) -> None:
    """From the sums a and c⟨t−1⟩: the gates in place, c, tanh(c) and h."""
    size = n_p * before.shape[1]
    rows, length = strips(before, count)
    for u in range(rows):
        for e in places(before, u, length):
            i, f = sigmoid(load(a, e)), sigmoid(load(a, size + e))
            o, g = sigmoid(load(a, 2 * size + e)), tanh(load(a, 3 * size + e))
            store(a, e, i)
            store(a, size + e, f)
            store(a, 2 * size + e, o)
            store(a, 3 * size + e, g)
            new = f * load(before, e) + i * g
            bent = tanh(new)
            store(c, e, new)
            store(tanh_c, e, bent)
            store(h, e, o * bent)


@kernel
def backward(
    crew: Any,
    n_p: int,
    chunk: int,
    WhT: Any,
    dh: Any,
    d_final_h: Any,
    d_final_c: Any,
    cs: Any,
    gates: Any,
    tanh_c: Any,
    ends: Any,
    dz_flat: Any,
    dz: Any,
    dh_t: Any,
    back_h: Any,
    back_c: Any,
    dh0: Any,
    dc0: Any,
) -> None:
    """The gradients of a sequence, chunk by chunk of its units."""
    (T, n, B), chunks = dh.shape, -(-n_p // chunk)
    ticket = draw(crew, chunks, (T + 1) * chunks)
    while ticket >= 0:
        t, (first, last) = T - 1 - ticket // chunks, units_at(ticket, chunks, chunk, n_p)
        _back_from(WhT, dz, dh_t, back_h, back_c, ends, t, T, first, last)
        enter_gradient(back_h, d_final_h, ends, t, first, last)
        enter_gradient(back_c, d_final_c, ends, t, first, last)
        if t < 0:
            take_out(back_h, dh0, first, last)
            take_out(back_c, dc0, first, last)
        else:
            now, count = dz[t % 2], running(ends, t, back_h)
            add_outputs(dh, back_h, ends, t, dh_t, count, first, last)
            d = dh_t[first:last], back_c[first:], now[first:]
            _step_back(gates[t, first:], n_p, cs[t, first:], tanh_c[t, first:], *d, count)
            spread_gates(now, 4, n_p, dz_flat, n, first, last, t * B, B, count)
        ticket = draw_again(crew, chunks, (T + 1) * chunks)


@inline
def _back_from(
    WhT: Any,
    dz: Any,
    dh_t: Any,
    back_h: Any,
    back_c: Any,
    ends: Any,
    t: int,
    T: int,
    first: int,
    last: int,
) -> None:
    """back_h = what reaches h⟨t⟩ from the step after; 0 in all buffers where there is none."""
    if t + 1 == T:
        clear(back_h, first, last)
        clear(back_c, first, last)
        clear(dh_t, first, last)
        clear_gates(dz, 4, first, last)
    else:
        count = running(ends, t + 1, back_h)
        multiply(WhT, first, last, dz[(t + 1) % 2], back_h[first:], count)


@inline
def _step_back(
    a: Any, n_p: int, before: Any, tanh_c: Any, dh: Any, back_c: Any, dz: Any, count: int
) -> None:
    """dz of the four blocks, and what reaches c⟨t−1⟩ through f."""
    size = n_p * dh.shape[1]
    rows, length = strips(dh, count)
    for u in range(rows):
        for e in places(dh, u, length):
            i, f = load(a, e), load(a, size + e)
            o, g = load(a, 2 * size + e), load(a, 3 * size + e)
            bent, d = load(tanh_c, e), load(dh, e)
            dc = d * o * (1.0 - bent * bent) + load(back_c, e)
            store(dz, e, dc * g * i * (1.0 - i))
            store(dz, size + e, dc * load(before, e) * f * (1.0 - f))
            store(dz, 2 * size + e, d * bent * o * (1.0 - o))
            store(dz, 3 * size + e, dc * i * (1.0 - g * g))
            store(back_c, e, dc * f)
