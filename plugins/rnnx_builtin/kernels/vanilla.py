"""The vanilla cell's kernels: a whole sequence forward or back in one compiled call."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnnx.contracts import Array, Params, State
from rnnx.scratch import Scratch
from rnnx_builtin.kernels.activations import tanh
from rnnx_builtin.kernels.compiling import inline, kernel
from rnnx_builtin.kernels.lanes import at_least, load, store, where_positive
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
    hs: Array  # (T + 1, ≥ n_p, B_p), the initial state first; n_p and B_p are padded
    ends: Array  # (B,) lengths


def forward(
    params: Params, x: Array, state: State, lengths: Array | None, relu: bool, scratch: Scratch
) -> tuple[Array, State, Cache]:
    """Vanilla.forward."""
    (n_a, B), T, dtype = state[0].shape, len(x), params["Wh"].dtype
    B_p, n_p = padded(B, dtype), padded_rows(n_a, B, dtype)
    given = input_of(params["Wx"], params["b"], x, lengths, scratch)
    Wh = packed("Wh_packed", params["Wh"], 1, B, scratch)
    cache = Cache(
        given,
        flat_buffer("h_flat", n_a, (T + 1) * B, dtype, scratch),
        scratch.array("hs", (T + 1, all_rows(n_p, B), B_p), dtype),
        np.full(B, T) if lengths is None else lengths,
    )
    final = np.empty((n_a, B), dtype)
    _forward(Wh, given.columns, given.ids, state[0], *cache[1:], final, n_p, relu)
    return steps_of(cache.h_flat[:, B:], T, B), (final,), cache


def backward(
    params: Params,
    cache: Cache,
    dh: Array,
    dstate: State | None,
    relu: bool,
    scratch: Scratch,
) -> tuple[Params, Array | None, State]:
    """Vanilla.backward."""
    T, n_a, B = dh.shape
    dtype, B_p, n_p = dh.dtype, cache.hs.shape[2], padded_rows(n_a, B, dh.dtype)
    WhT = packed_transpose("WhT_packed", params["Wh"], 1, B, scratch)
    dz = scratch.array("dz_t", (n_p, B_p), dtype)
    dz_flat = flat_buffer("dz_flat", n_a, T * B, dtype, scratch)
    back = scratch.array("back_h", (all_rows(n_p, B), B_p), dtype)
    d_final = dstate[0] if dstate else np.zeros((n_a, B), dtype)
    dh0 = np.empty((n_a, B), dtype)
    _backward(WhT, dh, d_final, cache.hs, cache.ends, dz, dz_flat, back, dh0, relu)
    dWx, db, dx = input_gradient(params["Wx"], cache.x, dz_flat, scratch)
    dWh = scratch.array("dWh", (n_a, n_a), dtype)
    np.matmul(dz_flat[:, : T * B], cache.h_flat[:, : T * B].T, out=dWh)
    return {"Wx": dWx, "Wh": dWh, "b": db}, dx, (dh0,)


@kernel
def _forward(
    Wh: Any,
    columns: Any,
    ids: Any,
    h0: Any,
    h_flat: Any,
    hs: Any,
    ends: Any,
    final: Any,
    n_p: int,
    relu: bool,
) -> None:
    (T, B), n = ids.shape, len(h0)
    take_in(h0, hs[0])
    spread(hs[0], h_flat, 1, n, n_p, 0, B)
    begin_final(h0, final, ends)
    for t in range(T):
        h = hs[t + 1]
        multiply(Wh, hs[t], h)
        add_columns(h, columns, ids[t], 1, n, n_p)
        _step(h, n_p, relu)
        end_columns(h, final, ends, t)
        spread(h, h_flat, 1, n, n_p, t + 1, B)


@inline
def _step(h: Any, n_p: int, relu: bool) -> None:
    """φ in place."""
    for e in range(0, n_p * h.shape[1], lanes_of(h)):
        store(h, e, at_least(load(h, e), 0.0) if relu else tanh(load(h, e)))


@kernel
def _backward(
    WhT: Any,
    dh: Any,
    d_final: Any,
    hs: Any,
    ends: Any,
    dz: Any,
    dz_flat: Any,
    back: Any,
    dh0: Any,
    relu: bool,
) -> None:
    (T, n, B), n_p = dh.shape, len(dz)
    back[:] = 0
    dz[:] = 0
    for t in range(T - 1, -1, -1):
        enter_gradient(back, d_final, ends, t)
        add_outputs(dh, back, ends, t, dz)
        _step_back(hs[t + 1], dz, relu)
        multiply(WhT, dz, back)
        spread(dz, dz_flat, 1, n, n_p, t, B)
    enter_gradient(back, d_final, ends, -1)
    take_out(back, dh0)


@inline
def _step_back(h: Any, dz: Any, relu: bool) -> None:
    """dz = dh ⊙ φ′, in place: φ′ = 1 − h² or [h > 0]."""
    for e in range(0, dz.size, lanes_of(dz)):
        out, d = load(h, e), load(dz, e)
        store(dz, e, where_positive(out, d) if relu else d * (1.0 - out * out))
