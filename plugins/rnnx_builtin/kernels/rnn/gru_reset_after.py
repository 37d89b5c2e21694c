"""The GRU's time loops with the reset after the product: n = tanh(Wx·x + r ⊙ (Wh·h + bn))."""

from __future__ import annotations

from typing import Any

from rnnx_builtin.kernels.rnn.columns import (
    add_outputs,
    add_rows,
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
from rnnx_builtin.kernels.simd.gemm import lanes_of, multiply, multiply_gates
from rnnx_builtin.kernels.simd.vectors import load, store, zeros_of
from rnnx_builtin.kernels.simd.work_queue import draw, draw_again, units_at


@kernel
def forward(
    crew: Any,
    n_p: int,
    chunk: int,
    Wh: Any,
    bn: Any,
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
    ticket = draw(crew, chunks, (T + 1) * chunks)
    while ticket >= 0:
        t, (first, last) = ticket // chunks - 1, units_at(ticket, chunks, chunk, n_p)
        rows, h, count = min(last, n) - first, hs[t + 1], B
        if t < 0:
            take_in(h0, h, first, last)
            begin_final(h0, final, ends, first, last)
        else:
            a, count = gates[t], running(ends, t, h)
            multiply_gates(Wh, 3, n_p, first, last, hs[t], a, count)
            _set_apart(a[2 * n_p :], bn, inner[t], count, first, last)
            add_to_gates(a, table, ids[t], 3, n, n_p, first, last, count)
            _step(a[first:], n_p, inner[t, first:], hs[t, first:last], h[first:], count)
            end_columns(h, final, ends, t, count, first, last)
        spread(h, first, h_flat, first, rows, (t + 1) * B, B, count)
        ticket = draw_again(crew, chunks, (T + 1) * chunks)


@inline
def _set_apart(a: Any, bn: Any, inner: Any, count: int, first: int, last: int) -> None:
    """inner = n's product + bn; n's rows of the sums are then the input's alone."""
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
    size = n_p * before.shape[1]
    rows, length = strips(before, count)
    for u in range(rows):
        for e in places(before, u, length):
            r, z = sigmoid(load(a, e)), sigmoid(load(a, size + e))
            n = tanh(load(a, 2 * size + e) + r * load(inner, e))
            store(a, e, r)
            store(a, size + e, z)
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
    (T, n, B), chunks, direct, dn = dh.shape, -(-n_p // chunk), d[0], d[1]
    ticket = draw(crew, chunks, (T + 1) * chunks)
    while ticket >= 0:
        t, (first, last) = T - 1 - ticket // chunks, units_at(ticket, chunks, chunk, n_p)
        back_from(WhT, dz, direct, back, d_final, ends, t, T, first, last)
        if t < 0:
            take_out(back, dh0, first, last)
        else:
            now, count = dz[t % 2], running(ends, t, back)
            add_outputs(dh, back, ends, t, direct, count, first, last)
            kept = gates[t, first:], n_p, inner[t, first:], hs[t, first:last]
            _step_back(*kept, direct[first:], dn[first:], now[first:], count)
            spread_gates(now, 2, n_p, dz_flat, n, first, last, t * B, B, count)
            spread_gates(now[2 * n_p :], 1, n_p, n_flat, n, first, last, t * B, B, count)
            spread_gates(dn, 1, n_p, dz_flat[2 * n :], n, first, last, t * B, B, count)
        ticket = draw_again(crew, chunks, (T + 1) * chunks)


@inline
def back_from(
    WhT: Any,
    dz: Any,
    direct: Any,
    back: Any,
    d_final: Any,
    ends: Any,
    t: int,
    T: int,
    first: int,
    last: int,
) -> None:
    """back = what reaches h⟨t⟩ from the step after, through WhT and directly, and from the end."""
    if t + 1 == T:
        clear(back, first, last)
        clear(direct, first, last)
        clear_gates(dz, 3, first, last)
    else:
        after, count = dz[(t + 1) % 2, : WhT.shape[1]], running(ends, t + 1, back)
        multiply(WhT, first, last, after, back[first:], count)
        add_rows(back[first:], direct[first:last])
    enter_gradient(back, d_final, ends, t, first, last)


@inline
def _step_back(
    a: Any, n_p: int, inner: Any, before: Any, d: Any, by_input: Any, dz: Any, count: int
) -> None:
    """dz by the products of r, z and n; d becomes dh·z, ``by_input`` dn by the input."""
    size = n_p * before.shape[1]
    rows, length = strips(before, count)
    for u in range(rows):
        for e in places(before, u, length):
            r, z, n = load(a, e), load(a, size + e), load(a, 2 * size + e)
            dh = load(d, e)
            dn = dh * (1.0 - z) * (1.0 - n * n)
            store(dz, e, dn * load(inner, e) * r * (1.0 - r))
            store(dz, size + e, dh * (load(before, e) - n) * z * (1.0 - z))
            store(dz, 2 * size + e, dn * r)
            store(d, e, dh * z)
            store(by_input, e, dn)
