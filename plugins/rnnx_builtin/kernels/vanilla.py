"""The vanilla cell's kernels: a whole sequence forward or back in one compiled call."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnnx.contracts import Array, Params, State
from rnnx.scratch import Scratch
from rnnx_builtin.kernels.activations import tanh
from rnnx_builtin.kernels.columns import (
    add_columns,
    add_outputs,
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
from rnnx_builtin.kernels.lanes import at_least, load, store, where_positive
from rnnx_builtin.kernels.parts import Part, each, joined, part_arrays
from rnnx_builtin.kernels.product import (
    all_rows,
    multiply,
    packed,
    packed_transpose,
    padded_rows,
)
from rnnx_builtin.kernels.sequence import (
    Input,
    States,
    ends_of,
    flat_buffer,
    input_gradient,
    input_of,
    laid_out,
    states_for,
)
from rnnx_builtin.kernels.valid import recurrent_gradient


class Room(NamedTuple):
    """The buffers of a sequence of one size, a step's arrays by part; n_p and B_p are padded."""

    states: States
    n_p: int
    parts: list[tuple[Part, Array]]  # hs (T + 1, ≥ n_p, B_p), the initial state first


class Cache(NamedTuple):
    x: Input
    room: Room
    lengths: Array | None  # (B,)
    ends: Array  # (B,), T where there are none


def _room(scratch: Scratch, n_a: int, T: int, B: int, dtype: Any) -> Room:
    n_p = padded_rows(n_a, B, dtype)
    made = part_arrays({"hs": (T + 1, all_rows(n_p, B))}, B, dtype, scratch)
    parts = [(part, hs) for part, (hs,) in made]
    return Room(states_for(scratch, n_a, T, B, dtype), n_p, parts)


def forward(
    params: Params, x: Array, state: State, lengths: Array | None, relu: bool, scratch: Scratch
) -> tuple[Array, State, Any]:
    """Vanilla.forward."""
    (n_a, B), T, Wh = state[0].shape, len(x), params["Wh"]
    room, ends = scratch.plan(_room, n_a, T, B, Wh.dtype), ends_of(lengths, T, B, scratch)
    given = input_of(params["Wx"], params["b"], x, ends, scratch)
    Wh = packed("Wh_packed", Wh, 1, B, scratch)
    finals, calls = [], []
    for part, hs in room.parts:
        start = part.of(state[0])
        finals.append(np.empty_like(start))
        where = (part.cut(ends), part.first, B)
        fixed = (Wh, given.columns, part.of(given.ids), room.states.flat)
        calls.append((*fixed, start, hs, *where, finals[-1], room.n_p, relu))
    each(_forward, calls)
    return room.states.h, (joined(finals),), Cache(given, room, lengths, ends)


def _room_back(
    scratch: Scratch, n_a: int, T: int, B: int, dtype: Any
) -> tuple[Array, list[tuple[Array, ...]]]:
    """dz of all steps (n_a, ≥ T·B); dz of a step and what it sends back, by part."""
    n_p = padded_rows(n_a, B, dtype)
    made = part_arrays({"dz_t": (n_p,), "back_h": (all_rows(n_p, B),)}, B, dtype, scratch)
    return flat_buffer("dz_flat", n_a, T * B, dtype, scratch), [arrays for _, arrays in made]


def backward(
    params: Params,
    cache: Any,
    dh: Array,
    dstate: State | None,
    relu: bool,
    scratch: Scratch,
) -> tuple[Params, Array | None, State]:
    """Vanilla.backward."""
    (T, n_a, B), dtype, room = dh.shape, dh.dtype, cache.room
    dz_flat, parts = scratch.plan(_room_back, n_a, T, B, dtype)
    WhT = packed_transpose("WhT_packed", params["Wh"], 1, B, scratch)
    dh = laid_out(dh, scratch)
    d_final = dstate[0] if dstate else np.zeros((n_a, B), dtype)
    starts, calls = [], []
    for (part, hs), buffers in zip(room.parts, parts, strict=True):
        given = part.of(d_final)
        starts.append(np.empty_like(given))
        where = (part.cut(cache.ends), part.first, B)
        calls.append((WhT, part.cut(dh), dz_flat, given, hs, *where, *buffers, starts[-1], relu))
    each(_backward, calls)
    dWx, db, dx = input_gradient(params["Wx"], cache.x, dz_flat, cache.ends, scratch)
    dWh = recurrent_gradient(dz_flat, room.states, cache.lengths, scratch)
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
    spread(hs[0], h_flat, 1, n, n_p, first, B, B)
    begin_final(h0, final, ends)
    for t in range(T):
        h = hs[t + 1]
        count = running(ends, t, h)
        multiply(Wh, hs[t], h, count)
        add_columns(h, columns, ids[t], 1, n, n_p, count)
        _step(h, n_p, count, relu)
        end_columns(h, final, ends, t, count)
        spread(h, h_flat, 1, n, n_p, (t + 1) * all_B + first, B, count)


@inline
def _step(h: Any, n_p: int, count: int, relu: bool) -> None:
    """φ in place."""
    rows, length = strips(h[:n_p], count)
    for u in range(rows):
        for e in places(h, u, length):
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
        count = running(ends, t, dz)
        enter_gradient(back, d_final, ends, t)
        add_outputs(dh, back, ends, t, dz, count)
        _step_back(hs[t + 1], dz, count, relu)
        multiply(WhT, dz, back, count)
        spread(dz, dz_flat, 1, n, n_p, t * all_B + first, B, count)
    enter_gradient(back, d_final, ends, -1)
    take_out(back, dh0)


@inline
def _step_back(h: Any, dz: Any, count: int, relu: bool) -> None:
    """dz = dh ⊙ φ′, in place: φ′ = 1 − h² or [h > 0]."""
    rows, length = strips(dz, count)
    for u in range(rows):
        for e in places(dz, u, length):
            out, d = load(h, e), load(dz, e)
            store(dz, e, where_positive(out, d) if relu else d * (1.0 - out * out))
