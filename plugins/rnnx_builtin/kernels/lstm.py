"""The LSTM's kernels: a whole sequence forward or back in one compiled call."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnnx.contracts import Array, Params, State
from rnnx.scratch import Scratch
from rnnx_builtin.kernels.activations import sigmoid, tanh
from rnnx_builtin.kernels.compiling import inline, kernel
from rnnx_builtin.kernels.lanes import load, store
from rnnx_builtin.kernels.product import (
    all_rows,
    lanes_of,
    multiply,
    packed,
    packed_transpose,
    padded,
    padded_rows,
)
from rnnx_builtin.kernels.sequence import (
    Input,
    add_columns,
    add_outputs,
    begin_final,
    end_columns,
    enter_gradient,
    flat_buffer,
    input_gradient,
    input_of,
    spread,
    steps_of,
    take_in,
    take_out,
)


class Cache(NamedTuple):
    x: Input
    h_flat: Array  # (n_a, ≥ (T + 1)·B), the initial state first
    cs: Array  # (T + 1, n_p, B_p), cs[0] the initial state; n_p and B_p are padded
    gates: Array  # (T, ≥ 4·n_p, B_p): i, f, o, g after their activations
    tanh_c: Array  # (T, n_p, B_p)
    ends: Array  # (B,) lengths


def forward(
    params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
) -> tuple[Array, State, Cache]:
    """LSTM.forward."""
    (n_a, B), T, dtype = state[0].shape, len(x), params["Wh"].dtype
    B_p, n_p = padded(B, dtype), padded_rows(n_a, B, dtype)
    given = input_of(params["Wx"], params["b"], x, lengths, scratch)
    Wh = packed("Wh_packed", params["Wh"], 4, B, scratch)
    cache = Cache(
        given,
        flat_buffer("h_flat", n_a, (T + 1) * B, dtype, scratch),
        scratch.array("cs", (T + 1, n_p, B_p), dtype),
        scratch.array("gates", (T, all_rows(4 * n_p, B), B_p), dtype),
        scratch.array("tanh_c", (T, n_p, B_p), dtype),
        np.full(B, T) if lengths is None else lengths,
    )
    h = scratch.array("h_t", (n_p, B_p), dtype)
    final = np.empty((n_a, B), dtype), np.empty((n_a, B), dtype)
    _forward(Wh, given.columns, given.ids, *state, *cache[1:], h, *final)
    return steps_of(cache.h_flat[:, B:], T, B), final, cache


def backward(
    params: Params, cache: Cache, dh: Array, dstate: State | None, scratch: Scratch
) -> tuple[Params, Array | None, State]:
    """LSTM.backward."""
    T, n_a, B = dh.shape
    dtype, (_, n_p, B_p) = dh.dtype, cache.tanh_c.shape
    WhT = packed_transpose("WhT_packed", params["Wh"], 4, B, scratch)
    dz = scratch.array("dz_t", (4 * n_p, B_p), dtype)
    dz_flat = flat_buffer("dz_flat", 4 * n_a, T * B, dtype, scratch)
    dh_t = scratch.array("dh_t", (n_p, B_p), dtype)
    back_h = scratch.array("back_h", (all_rows(n_p, B), B_p), dtype)
    back_c = scratch.array("back_c", (n_p, B_p), dtype)
    d_final = dstate or (np.zeros((n_a, B), dtype),) * 2
    dstate0 = np.empty((n_a, B), dtype), np.empty((n_a, B), dtype)
    _backward(WhT, dh, *d_final, *cache[2:], dz, dz_flat, dh_t, back_h, back_c, *dstate0)
    dWx, db, dx = input_gradient(params["Wx"], cache.x, dz_flat, scratch)
    dWh = scratch.array("dWh", (4 * n_a, n_a), dtype)
    np.matmul(dz_flat[:, : T * B], cache.h_flat[:, : T * B].T, out=dWh)
    return {"Wx": dWx, "Wh": dWh, "b": db}, dx, dstate0


@kernel
def _forward(  # noqa: PLR0917
    Wh: Any,
    columns: Any,
    ids: Any,
    h0: Any,
    c0: Any,
    h_flat: Any,
    cs: Any,
    gates: Any,
    tanh_c: Any,
    ends: Any,
    h: Any,
    final_h: Any,
    final_c: Any,
) -> None:
    (T, B), n, n_p = ids.shape, len(h0), len(h)
    take_in(h0, h)
    take_in(c0, cs[0])
    spread(h, h_flat, 1, n, n_p, 0, B)
    begin_final(h0, final_h, ends)
    begin_final(c0, final_c, ends)
    for t in range(T):
        multiply(Wh, h, gates[t])
        add_columns(gates[t], columns, ids[t], 4, n, n_p)
        _step(gates[t], cs[t], cs[t + 1], tanh_c[t], h)
        end_columns(h, final_h, ends, t)
        end_columns(cs[t + 1], final_c, ends, t)
        spread(h, h_flat, 1, n, n_p, t + 1, B)


@inline
def _step(a: Any, before: Any, c: Any, tanh_c: Any, h: Any) -> None:
    """From the sums a and c⟨t−1⟩: the gates in place, c, tanh(c) and h."""
    size = h.size
    for e in range(0, size, lanes_of(h)):
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
def _backward(  # noqa: PLR0917
    WhT: Any,
    dh: Any,
    d_final_h: Any,
    d_final_c: Any,
    cs: Any,
    gates: Any,
    tanh_c: Any,
    ends: Any,
    dz: Any,
    dz_flat: Any,
    dh_t: Any,
    back_h: Any,
    back_c: Any,
    dh0: Any,
    dc0: Any,
) -> None:
    (T, n, B), n_p = dh.shape, len(dh_t)
    back_h[:] = 0
    back_c[:] = 0
    dh_t[:] = 0
    for t in range(T - 1, -1, -1):
        enter_gradient(back_h, d_final_h, ends, t)
        enter_gradient(back_c, d_final_c, ends, t)
        add_outputs(dh, back_h, ends, t, dh_t)
        _step_back(gates[t], cs[t], tanh_c[t], dh_t, back_c, dz)
        multiply(WhT, dz, back_h)
        spread(dz, dz_flat, 4, n, n_p, t, B)
    enter_gradient(back_h, d_final_h, ends, -1)
    enter_gradient(back_c, d_final_c, ends, -1)
    take_out(back_h, dh0)
    take_out(back_c, dc0)


@inline
def _step_back(a: Any, before: Any, tanh_c: Any, dh: Any, back_c: Any, dz: Any) -> None:
    """dz of the four blocks, and what reaches c⟨t−1⟩ through f."""
    size = dh.size
    for e in range(0, size, lanes_of(dh)):
        i, f = load(a, e), load(a, size + e)
        o, g = load(a, 2 * size + e), load(a, 3 * size + e)
        bent, d = load(tanh_c, e), load(dh, e)
        dc = d * o * (1.0 - bent * bent) + load(back_c, e)
        store(dz, e, dc * g * i * (1.0 - i))
        store(dz, size + e, dc * load(before, e) * f * (1.0 - f))
        store(dz, 2 * size + e, d * bent * o * (1.0 - o))
        store(dz, 3 * size + e, dc * i * (1.0 - g * g))
        store(back_c, e, dc * f)
