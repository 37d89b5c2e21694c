"""The LSTM's kernels: a whole sequence forward or back in one compiled call."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnnx.contracts import Array, Params, State
from rnnx.scratch import Scratch
from rnnx_builtin.kernels.activations import sigmoid, tanh
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
from rnnx_builtin.kernels.lanes import load, store
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


class Kept(NamedTuple):
    """Of a part's columns; n_p and B_p are padded."""

    cs: Array  # (T + 1, n_p, B_p), cs[0] the initial state
    gates: Array  # (T, ≥ 4·n_p, B_p): i, f, o, g after their activations
    tanh_c: Array  # (T, n_p, B_p)


class Room(NamedTuple):
    """The buffers of a sequence of one size."""

    states: States
    parts: list[tuple[Part, Kept, Array]]  # the last: h of a step (n_p, B_p)


class Cache(NamedTuple):
    x: Input
    room: Room
    lengths: Array | None  # (B,)
    ends: Array  # (B,), T where there are none


def _room(scratch: Scratch, n_a: int, T: int, B: int, dtype: Any) -> Room:
    n_p = padded_rows(n_a, B, dtype)
    shapes = {"cs": (T + 1, n_p), "gates": (T, all_rows(4 * n_p, B)), "tanh_c": (T, n_p)}
    made = part_arrays({**shapes, "h_t": (n_p,)}, B, dtype, scratch)
    parts = [(part, Kept(*kept), h) for part, (*kept, h) in made]
    return Room(states_for(scratch, n_a, T, B, dtype), parts)


def forward(
    params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
) -> tuple[Array, State, Any]:
    """LSTM.forward."""
    (n_a, B), T, Wh = state[0].shape, len(x), params["Wh"]
    room, ends = scratch.plan(_room, n_a, T, B, Wh.dtype), ends_of(lengths, T, B, scratch)
    given = input_of(params["Wx"], params["b"], x, ends, scratch)
    Wh = packed("Wh_packed", Wh, 4, B, scratch)
    finals, calls = [], []
    for part, kept, h in room.parts:
        starts = [part.of(s) for s in state]
        finals.append([np.empty_like(start) for start in starts])
        where = (part.cut(ends), part.first, B)
        fixed = (Wh, given.columns, part.of(given.ids), room.states.flat)
        calls.append((*fixed, *starts, *kept, *where, h, *finals[-1]))
    each(_forward, calls)
    final_h, final_c = (joined(columns) for columns in zip(*finals, strict=True))
    return room.states.h, (final_h, final_c), Cache(given, room, lengths, ends)


def _room_back(
    scratch: Scratch, n_a: int, T: int, B: int, dtype: Any
) -> tuple[Array, list[tuple[Array, ...]]]:
    """dz of all steps (4·n_a, ≥ T·B); dz and dh of a step and what it sends back, by part."""
    n_p = padded_rows(n_a, B, dtype)
    shapes = {"dz_t": (4 * n_p,), "dh_t": (n_p,), "back_h": (all_rows(n_p, B),), "back_c": (n_p,)}
    made = part_arrays(shapes, B, dtype, scratch)
    return flat_buffer("dz_flat", 4 * n_a, T * B, dtype, scratch), [arrays for _, arrays in made]


def backward(
    params: Params, cache: Any, dh: Array, dstate: State | None, scratch: Scratch
) -> tuple[Params, Array | None, State]:
    """LSTM.backward."""
    (T, n_a, B), dtype, room = dh.shape, dh.dtype, cache.room
    dz_flat, parts = scratch.plan(_room_back, n_a, T, B, dtype)
    WhT = packed_transpose("WhT_packed", params["Wh"], 4, B, scratch)
    dh = laid_out(dh, scratch)
    d_final = dstate or (np.zeros((n_a, B), dtype),) * 2
    starts, calls = [], []
    for (part, kept, _), buffers in zip(room.parts, parts, strict=True):
        given = [part.of(d) for d in d_final]
        starts.append([np.empty_like(d) for d in given])
        where = (part.cut(cache.ends), part.first, B)
        fixed = (WhT, part.cut(dh), dz_flat)
        calls.append((*fixed, *given, *kept, *where, *buffers, *starts[-1]))
    each(_backward, calls)
    dh0, dc0 = (joined(columns) for columns in zip(*starts, strict=True))
    dWx, db, dx = input_gradient(params["Wx"], cache.x, dz_flat, cache.ends, scratch)
    dWh = recurrent_gradient(dz_flat, room.states, cache.lengths, scratch)
    return {"Wx": dWx, "Wh": dWh, "b": db}, dx, (dh0, dc0)


@kernel
def _forward(
    Wh: Any,
    columns: Any,
    ids: Any,
    h_flat: Any,
    h0: Any,
    c0: Any,
    cs: Any,
    gates: Any,
    tanh_c: Any,
    ends: Any,
    first: int,
    all_B: int,
    h: Any,
    final_h: Any,
    final_c: Any,
) -> None:
    (T, B), n, n_p = ids.shape, len(h0), len(h)
    take_in(h0, h)
    take_in(c0, cs[0])
    spread(h, h_flat, 1, n, n_p, first, B, B)
    begin_final(h0, final_h, ends)
    begin_final(c0, final_c, ends)
    for t in range(T):
        count = running(ends, t, h)
        multiply(Wh, h, gates[t], count)
        add_columns(gates[t], columns, ids[t], 4, n, n_p, count)
        _step(gates[t], cs[t], cs[t + 1], tanh_c[t], h, count)
        end_columns(h, final_h, ends, t, count)
        end_columns(cs[t + 1], final_c, ends, t, count)
        spread(h, h_flat, 1, n, n_p, (t + 1) * all_B + first, B, count)


@inline
def _step(a: Any, before: Any, c: Any, tanh_c: Any, h: Any, count: int) -> None:
    """From the sums a and c⟨t−1⟩: the gates in place, c, tanh(c) and h."""
    size = h.size
    rows, length = strips(h, count)
    for u in range(rows):
        for e in places(h, u, length):
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
def _backward(
    WhT: Any,
    dh: Any,
    dz_flat: Any,
    d_final_h: Any,
    d_final_c: Any,
    cs: Any,
    gates: Any,
    tanh_c: Any,
    ends: Any,
    first: int,
    all_B: int,
    dz: Any,
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
        count = running(ends, t, dh_t)
        enter_gradient(back_h, d_final_h, ends, t)
        enter_gradient(back_c, d_final_c, ends, t)
        add_outputs(dh, back_h, ends, t, dh_t, count)
        _step_back(gates[t], cs[t], tanh_c[t], dh_t, back_c, dz, count)
        multiply(WhT, dz, back_h, count)
        spread(dz, dz_flat, 4, n, n_p, t * all_B + first, B, count)
    enter_gradient(back_h, d_final_h, ends, -1)
    enter_gradient(back_c, d_final_c, ends, -1)
    take_out(back_h, dh0)
    take_out(back_c, dc0)


@inline
def _step_back(a: Any, before: Any, tanh_c: Any, dh: Any, back_c: Any, dz: Any, count: int) -> None:
    """dz of the four blocks, and what reaches c⟨t−1⟩ through f."""
    size = dh.size
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
