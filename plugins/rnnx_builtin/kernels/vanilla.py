"""The vanilla cell's kernels: a whole sequence forward or back in one compiled call."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnnx.contracts import Array, Params, State
from rnnx.scratch import Scratch
from rnnx_builtin.kernels.activations import tanh
from rnnx_builtin.kernels.compiling import inline, kernel
from rnnx_builtin.kernels.lanes import at_least, load, store, where_positive
from rnnx_builtin.kernels.parts import each, joined, parts_of
from rnnx_builtin.kernels.product import (
    all_rows,
    lanes_of,
    multiply,
    multiply_back,
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
    laid_out,
    spread,
    steps_of,
    take_in,
    take_out,
)


class Cache(NamedTuple):
    x: Input
    h_flat: Array  # (n_a, ≥ (T + 1)·B), the initial state first
    hs: list[Array]  # a part's (T + 1, ≥ n_p, B_p), the initial state first, padded
    ends: Array  # (B,) lengths


def forward(
    params: Params, x: Array, state: State, lengths: Array | None, relu: bool, scratch: Scratch
) -> tuple[Array, State, Any]:
    """Vanilla.forward."""
    (n_a, B), T, dtype = state[0].shape, len(x), params["Wh"].dtype
    given = input_of(params["Wx"], params["b"], x, lengths, scratch)
    Wh = packed("Wh_packed", params["Wh"], 1, B, scratch)
    h_flat = flat_buffer("h_flat", n_a, (T + 1) * B, dtype, scratch)
    ends = np.full(B, T) if lengths is None else lengths
    n_p, kept, finals, calls = padded_rows(n_a, B, dtype), [], [], []
    for part in parts_of(B, scratch.threads, dtype):
        own, columns = scratch.child(f"part{part.first}"), padded(part.last - part.first, dtype)
        kept.append(own.array("hs", (T + 1, all_rows(n_p, B), columns), dtype))
        start = part.of(state[0])
        finals.append(np.empty_like(start))
        where = (part.of(ends), part.first, B)
        fixed = (Wh, given.columns, part.of(given.ids), h_flat)
        calls.append((*fixed, start, kept[-1], *where, finals[-1], n_p, relu))
    each(_forward, calls)
    return steps_of(h_flat[:, B:], T, B), (joined(finals),), Cache(given, h_flat, kept, ends)


def backward(
    params: Params,
    cache: Any,
    dh: Array,
    dstate: State | None,
    relu: bool,
    scratch: Scratch,
) -> tuple[Params, Array | None, State]:
    """Vanilla.backward."""
    (T, n_a, B), dtype = dh.shape, dh.dtype
    n_p = padded_rows(n_a, B, dtype)
    WhT = packed_transpose("WhT_packed", params["Wh"], 1, B, scratch)
    dz_flat = flat_buffer("dz_flat", n_a, T * B, dtype, scratch)
    dh = laid_out(dh, scratch)
    d_final = dstate[0] if dstate else np.zeros((n_a, B), dtype)
    parts, starts, calls = parts_of(B, scratch.threads, dtype), [], []
    for part, hs in zip(parts, cache.hs, strict=True):
        own, given = scratch.child(f"part{part.first}"), part.of(d_final)
        starts.append(np.empty_like(given))
        buffers = (
            own.array("dz_t", (n_p, hs.shape[2]), dtype),
            own.array("back_h", (all_rows(n_p, B), hs.shape[2]), dtype),
        )
        where = (part.of(cache.ends), part.first, B)
        here = dh[..., part.first : part.last]
        calls.append((WhT, here, dz_flat, given, hs, *where, *buffers, starts[-1], relu))
    each(_backward, calls)
    dWx, db, dx = input_gradient(params["Wx"], cache.x, dz_flat, scratch)
    dWh = scratch.array("dWh", (n_a, n_a), dtype)
    np.matmul(dz_flat[:, : T * B], cache.h_flat[:, : T * B].T, out=dWh)
    return {"Wx": dWx, "Wh": dWh, "b": db}, dx, (joined(starts),)


@kernel
def _forward(
    Wh: Any,
    columns: Any,
    ids: Any,
    h_flat: Any,
    h0: Any,
    hs: Any,
    ends: Any,
    first: int,
    all_B: int,
    final: Any,
    n_p: int,
    relu: bool,
) -> None:
    (T, B), n = ids.shape, len(h0)
    take_in(h0, hs[0])
    spread(hs[0], h_flat, 1, n, n_p, first, B)
    begin_final(h0, final, ends)
    for t in range(T):
        h = hs[t + 1]
        multiply(Wh, hs[t], h)
        add_columns(h, columns, ids[t], 1, n, n_p)
        _step(h, n_p, relu)
        end_columns(h, final, ends, t)
        spread(h, h_flat, 1, n, n_p, (t + 1) * all_B + first, B)


@inline
def _step(h: Any, n_p: int, relu: bool) -> None:
    """φ in place."""
    for e in range(0, n_p * h.shape[1], lanes_of(h)):
        store(h, e, at_least(load(h, e), 0.0) if relu else tanh(load(h, e)))


@kernel
def _backward(
    WhT: Any,
    dh: Any,
    dz_flat: Any,
    d_final: Any,
    hs: Any,
    ends: Any,
    first: int,
    all_B: int,
    dz: Any,
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
        multiply_back(WhT, dz, back)
        spread(dz, dz_flat, 1, n, n_p, t * all_B + first, B)
    enter_gradient(back, d_final, ends, -1)
    take_out(back, dh0)


@inline
def _step_back(h: Any, dz: Any, relu: bool) -> None:
    """dz = dh ⊙ φ′, in place: φ′ = 1 − h² or [h > 0]."""
    for e in range(0, dz.size, lanes_of(dz)):
        out, d = load(h, e), load(dz, e)
        store(dz, e, where_positive(out, d) if relu else d * (1.0 - out * out))
