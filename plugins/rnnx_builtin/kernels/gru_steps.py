"""The GRU's time loops, with the reset after the product and before it."""

from __future__ import annotations

from typing import Any

from rnnx_builtin.kernels.activations import sigmoid, tanh
from rnnx_builtin.kernels.columns import (
    add_columns,
    add_outputs,
    add_rows,
    begin_final,
    end_columns,
    enter_gradient,
    places,
    running,
    spread,
    strips,
    take_in,
    take_out,
)
from rnnx_builtin.kernels.compiling import inline, kernel
from rnnx_builtin.kernels.lanes import load, store
from rnnx_builtin.kernels.product import multiply


@kernel
def forward_after(
    Wh: Any,
    bn: Any,
    columns: Any,
    ids: Any,
    h_flat: Any,
    h0: Any,
    hs: Any,
    gates: Any,
    inner: Any,
    ends: Any,
    first: int,
    all_B: int,
    q: Any,
    final: Any,
) -> None:
    (T, B), n, n_p = ids.shape, len(h0), hs.shape[1]
    take_in(h0, hs[0])
    spread(hs[0], h_flat, 1, n, n_p, first, B, B)
    begin_final(h0, final, ends)
    for t in range(T):
        count = running(ends, t, hs[0])
        multiply(Wh, hs[t], gates[t], count)
        _set_apart(gates[t], bn, inner[t], count)
        add_columns(gates[t], columns, ids[t], 3, n, n_p, count)
        _step_after(gates[t], inner[t], hs[t], hs[t + 1], count)
        end_columns(hs[t + 1], final, ends, t, count)
        spread(hs[t + 1], h_flat, 1, n, n_p, (t + 1) * all_B + first, B, count)


@inline
def _set_apart(a: Any, bn: Any, inner: Any, count: int) -> None:
    """inner = n's product + bn; n's block of the sums is then the input's alone."""
    n_p = len(inner)
    for u in range(n_p):
        bias = bn[u, 0] if u < len(bn) else bn[0, 0] * 0
        for b in range(count):
            inner[u, b] = a[2 * n_p + u, b] + bias
            a[2 * n_p + u, b] = 0


@inline
def _step_after(a: Any, inner: Any, before: Any, h: Any, count: int) -> None:
    size = h.size
    rows, length = strips(h, count)
    for u in range(rows):
        for e in places(h, u, length):
            r, z = sigmoid(load(a, e)), sigmoid(load(a, size + e))
            n = tanh(load(a, 2 * size + e) + r * load(inner, e))
            store(a, e, r)
            store(a, size + e, z)
            store(a, 2 * size + e, n)
            store(h, e, n + z * (load(before, e) - n))


@kernel
def forward_before(
    Wh: Any,
    Whn: Any,
    columns: Any,
    ids: Any,
    h_flat: Any,
    h0: Any,
    hs: Any,
    gates: Any,
    inner: Any,
    ends: Any,
    first: int,
    all_B: int,
    q: Any,
    final: Any,
) -> None:
    (T, B), n, n_p = ids.shape, len(h0), hs.shape[1]
    take_in(h0, hs[0])
    spread(hs[0], h_flat, 1, n, n_p, first, B, B)
    begin_final(h0, final, ends)
    for t in range(T):
        count = running(ends, t, hs[0])
        multiply(Wh, hs[t], gates[t, : 2 * n_p], count)
        gates[t, 2 * n_p :] = 0
        add_columns(gates[t], columns, ids[t], 3, n, n_p, count)
        _reset(gates[t], hs[t], inner[t], count)
        multiply(Whn, inner[t], q, count)
        _step_before(gates[t], q, hs[t], hs[t + 1], count)
        end_columns(hs[t + 1], final, ends, t, count)
        spread(hs[t + 1], h_flat, 1, n, n_p, (t + 1) * all_B + first, B, count)


@inline
def _reset(a: Any, before: Any, inner: Any, count: int) -> None:
    size = inner.size
    rows, length = strips(inner, count)
    for u in range(rows):
        for e in places(inner, u, length):
            r = sigmoid(load(a, e))
            store(a, e, r)
            store(a, size + e, sigmoid(load(a, size + e)))
            store(inner, e, r * load(before, e))


@inline
def _step_before(a: Any, q: Any, before: Any, h: Any, count: int) -> None:
    size = h.size
    rows, length = strips(h, count)
    for u in range(rows):
        for e in places(h, u, length):
            z, n = load(a, size + e), tanh(load(a, 2 * size + e) + load(q, e))
            store(a, 2 * size + e, n)
            store(h, e, n + z * (load(before, e) - n))


@kernel
def backward_after(
    WhT: Any,
    WhnT: Any,
    dh: Any,
    dz_flat: Any,
    n_flat: Any,
    d_final: Any,
    hs: Any,
    gates: Any,
    inner: Any,
    ends: Any,
    first: int,
    all_B: int,
    dz: Any,
    d: Any,
    back: Any,
    d_inner: Any,
    dh0: Any,
) -> None:
    (T, n, B), n_p = dh.shape, hs.shape[1]
    back[:] = 0
    d[:] = 0
    for t in range(T - 1, -1, -1):
        count = running(ends, t, back)
        enter_gradient(back, d_final, ends, t)
        add_outputs(dh, back, ends, t, d, count)
        _step_back_after(gates[t], inner[t], hs[t], d, dz, count)
        spread(dz, dz_flat, 2, n, n_p, t * all_B + first, B, count)
        spread(dz[2 * n_p :], n_flat, 1, n, n_p, t * all_B + first, B, count)
        spread(d[n_p:], dz_flat[2 * n :], 1, n, n_p, t * all_B + first, B, count)
        multiply(WhT, dz, back, count)
        add_rows(back, d)
    enter_gradient(back, d_final, ends, -1)
    take_out(back, dh0)


@inline
def _step_back_after(a: Any, inner: Any, before: Any, d: Any, dz: Any, count: int) -> None:
    """dz by the products of r, z and n; d becomes dh·z and, below it, dn by the input."""
    size = before.size
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
            store(d, size + e, dn)


@kernel
def backward_before(
    WhT: Any,
    WhnT: Any,
    dh: Any,
    dz_flat: Any,
    n_flat: Any,
    d_final: Any,
    hs: Any,
    gates: Any,
    inner: Any,
    ends: Any,
    first: int,
    all_B: int,
    dz: Any,
    d: Any,
    back: Any,
    d_inner: Any,
    dh0: Any,
) -> None:
    (T, n, B), n_p = dh.shape, hs.shape[1]
    back[:] = 0
    d[:] = 0
    for t in range(T - 1, -1, -1):
        count = running(ends, t, back)
        enter_gradient(back, d_final, ends, t)
        add_outputs(dh, back, ends, t, d, count)
        _step_back_gates(gates[t], hs[t], d, dz, count)
        multiply(WhnT, dz[2 * n_p :], d_inner, count)
        _step_back_reset(gates[t], hs[t], d_inner, d, dz, count)
        spread(dz, dz_flat, 3, n, n_p, t * all_B + first, B, count)
        spread(inner[t], n_flat, 1, n, n_p, t * all_B + first, B, count)
        multiply(WhT, dz[: 2 * n_p], back, count)
        add_rows(back, d)
    enter_gradient(back, d_final, ends, -1)
    take_out(back, dh0)


@inline
def _step_back_gates(a: Any, before: Any, d: Any, dz: Any, count: int) -> None:
    size = before.size
    rows, length = strips(before, count)
    for u in range(rows):
        for e in places(before, u, length):
            z, n, dh = load(a, size + e), load(a, 2 * size + e), load(d, e)
            store(dz, size + e, dh * (load(before, e) - n) * z * (1.0 - z))
            store(dz, 2 * size + e, dh * (1.0 - z) * (1.0 - n * n))
            store(d, e, dh * z)


@inline
def _step_back_reset(a: Any, before: Any, d_inner: Any, d: Any, dz: Any, count: int) -> None:
    rows, length = strips(before, count)
    for u in range(rows):
        for e in places(before, u, length):
            r, by = load(a, e), load(d_inner, e)
            store(dz, e, by * load(before, e) * r * (1.0 - r))
            store(d, e, load(d, e) + by * r)
