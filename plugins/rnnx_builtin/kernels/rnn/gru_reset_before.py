"""The GRU's time loops with the reset before the product: n = tanh(Wx·x + Wh·(r ⊙ h) + b).

A step is two here: all units' r ⊙ h has to be there before any unit's n.
"""

from __future__ import annotations

from typing import Any

from rnnx_builtin.kernels.rnn.columns import (
    add_outputs,
    begin_final,
    clear,
    end_columns,
    places,
    running,
    spread_gates,
    strips,
    take_in,
    take_out,
)
from rnnx_builtin.kernels.rnn.gru_reset_after import back_from
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
    Whn: Any,
    table: Any,
    ids: Any,
    h0: Any,
    ends: Any,
    hs: Any,
    gates: Any,
    inner: Any,
    q: Any,
    h_flat: Any,
    final: Any,
) -> None:
    """A sequence, chunk by chunk of its units."""
    T, B, n, chunks = len(ids), len(ends), len(h0), -(-n_p // chunk)
    ticket = draw(crew, chunks, (2 * T + 1) * chunks)
    while ticket >= 0:
        phase, (first, last) = ticket // chunks + 1, units_at(ticket, chunks, chunk, n_p)
        t = phase // 2 - 1
        h, a, count = hs[t + 1], gates[max(t, 0)], running(ends, t, hs[0])
        if t < 0:
            take_in(h0, h, first, last)
            begin_final(h0, final, ends, first, last)
        elif phase % 2 == 0:
            multiply_gates(Wh, 2, n_p, first, last, hs[t], a, count)
            clear(a, 2 * n_p + first, 2 * n_p + last)
            add_to_gates(a, table, ids[t], 3, n, n_p, first, last, count)
            _reset(a[first:], n_p, hs[t, first:last], inner[t, first:], count)
        else:
            multiply(Whn, first, last, inner[t], q[first:], count)
            _step(a[first:], n_p, q[first:], hs[t, first:last], h[first:], count)
            end_columns(h, final, ends, t, count, first, last)
        if phase % 2:
            spread_gates(h, 1, n_p, h_flat, n, first, last, (t + 1) * B, B, count)
        ticket = draw_again(crew, chunks, (2 * T + 1) * chunks)


@inline
def _reset(a: Any, n_p: int, before: Any, inner: Any, count: int) -> None:
    size = n_p * before.shape[1]
    rows, length = strips(before, count)
    for u in range(rows):
        for e in places(before, u, length):
            r = sigmoid(load(a, e))
            store(a, e, r)
            store(a, size + e, sigmoid(load(a, size + e)))
            store(inner, e, r * load(before, e))


@inline
def _step(a: Any, n_p: int, q: Any, before: Any, h: Any, count: int) -> None:
    size = n_p * before.shape[1]
    rows, length = strips(before, count)
    for u in range(rows):
        for e in places(before, u, length):
            z, n = load(a, size + e), tanh(load(a, 2 * size + e) + load(q, e))
            store(a, 2 * size + e, n)
            store(h, e, n + z * (load(before, e) - n))


@kernel
def backward(
    crew: Any,
    n_p: int,
    chunk: int,
    WhT: Any,
    WhnT: Any,
    dh: Any,
    d_final: Any,
    hs: Any,
    gates: Any,
    inner: Any,
    ends: Any,
    dz_flat: Any,
    n_flat: Any,
    dz: Any,
    d: Any,
    back: Any,
    d_inner: Any,
    dh0: Any,
) -> None:
    """The gradients of a sequence, chunk by chunk of its units."""
    (T, n, B), chunks, direct = dh.shape, -(-n_p // chunk), d[0]
    ticket = draw(crew, chunks, (2 * T + 1) * chunks)
    while ticket >= 0:
        (first, last), phase = units_at(ticket, chunks, chunk, n_p), ticket // chunks
        t = T - 1 - phase // 2
        now, a, count = dz[t % 2], gates[max(t, 0), first:], running(ends, t, back)
        if phase % 2 == 0:
            back_from(WhT, dz, direct, back, d_final, ends, t, T, first, last)
            if t < 0:
                take_out(back, dh0, first, last)
            else:
                add_outputs(dh, back, ends, t, direct, count, first, last)
                _step_back_gates(a, n_p, hs[t, first:last], direct[first:], now[first:], count)
        else:
            multiply(WhnT, first, last, now[2 * n_p :], d_inner[first:], count)
            _step_back_reset(a, hs[t], d_inner, direct, now, first, last, count)
            spread_gates(now, 3, n_p, dz_flat, n, first, last, t * B, B, count)
            spread_gates(inner[t], 1, n_p, n_flat, n, first, last, t * B, B, count)
        ticket = draw_again(crew, chunks, (2 * T + 1) * chunks)


@inline
def _step_back_gates(a: Any, n_p: int, before: Any, d: Any, dz: Any, count: int) -> None:
    """dz of z and n; d becomes dh·z."""
    size = n_p * before.shape[1]
    rows, length = strips(before, count)
    for u in range(rows):
        for e in places(before, u, length):
            z, n, dh = load(a, size + e), load(a, 2 * size + e), load(d, e)
            store(dz, size + e, dh * (load(before, e) - n) * z * (1.0 - z))
            store(dz, 2 * size + e, dh * (1.0 - z) * (1.0 - n * n))
            store(d, e, dh * z)


@inline
def _step_back_reset(
    a: Any, h: Any, d_inner: Any, direct: Any, dz: Any, first: int, last: int, count: int
) -> None:
    """dz of r, and what reaches h⟨t−1⟩ through r ⊙ h."""
    before, d_inner, d, dz = h[first:last], d_inner[first:], direct[first:], dz[first:]
    rows, length = strips(before, count)
    for u in range(rows):
        for e in places(before, u, length):
            r, by = load(a, e), load(d_inner, e)
            store(dz, e, by * load(before, e) * r * (1.0 - r))
            store(d, e, load(d, e) + by * r)
