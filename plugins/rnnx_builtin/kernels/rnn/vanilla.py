"""The vanilla cell's kernels: a whole sequence forward or back in one compiled call."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array, Params, State
from rnnx.contracts.buffers import Scratch
from rnnx_builtin.kernels.rnn.columns import (
    add_outputs,
    begin_final,
    clear,
    end_columns,
    enter_gradient,
    places,
    running,
    spread,
    strips,
    take_in,
    take_out,
)
from rnnx_builtin.kernels.rnn.input_table import add_to_gates
from rnnx_builtin.kernels.rnn.packing import recurrent_gradient
from rnnx_builtin.kernels.rnn.sequence import (
    Input,
    States,
    ends_of,
    flat_buffer,
    input_gradient,
    input_of,
    laid_out,
    states_for,
)
from rnnx_builtin.kernels.simd.activations import tanh
from rnnx_builtin.kernels.simd.compiling import inline, kernel
from rnnx_builtin.kernels.simd.gemm import (
    Units,
    all_rows,
    multiply,
    packed,
    packed_transpose,
    padded,
    units_of,
)
from rnnx_builtin.kernels.simd.vectors import at_least, load, store, where_positive
from rnnx_builtin.kernels.simd.work_queue import crew_of, draw, draw_again, together, units_at


class Room(NamedTuple):
    """The buffers of a sequence of one size; B_p is B padded."""

    units: Units
    crew: Array
    states: States
    hs: Array  # (T + 1, ≥ n_p, B_p), the initial state first


class Cache(NamedTuple):
    x: Input
    room: Room
    lengths: Array | None  # (B,)
    ends: Array  # (B,), T where there are none


def _room(scratch: Scratch, n_a: int, T: int, B: int, dtype: Any) -> Room:
    units = units_of(n_a, 1, B, dtype, scratch.threads)
    shape = (T + 1, all_rows(units.padded, B), padded(B, dtype))
    states = states_for(scratch, n_a, T, B, dtype)
    return Room(units, crew_of(scratch), states, scratch.array("hs", shape, dtype))


def forward(
    params: Params, x: Array, state: State, lengths: Array | None, relu: bool, scratch: Scratch
) -> tuple[Array, State, Any]:
    """Vanilla.forward."""
    (n_a, B), T, Wh = state[0].shape, len(x), params["Wh"]
    room, ends = scratch.plan(_room, n_a, T, B, Wh.dtype), ends_of(lengths, T, B, scratch)
    given = input_of(params["Wx"], params["b"], x, ends, scratch)
    Wh = packed("Wh_packed", Wh, 1, B, room.units, scratch)
    start = np.ascontiguousarray(state[0])
    final = np.empty_like(start)
    inputs = Wh, given.table, given.ids, start, ends, relu
    kept = room.hs, room.states.flat, final
    together(_forward, scratch.threads, room.crew, *room.units, *inputs, *kept)
    return room.states.h, (final,), Cache(given, room, lengths, ends)


class Back(NamedTuple):
    """Buffers for the way back."""

    dz_flat: Array  # (n_a, ≥ T·B)
    dz: Array  # (2, n_p, B_p), of a step and of the one after it
    back: Array  # (≥ n_p, B_p), dh by the step after


def _room_back(scratch: Scratch, units: Units, n_a: int, T: int, B: int, dtype: Any) -> Back:
    n_p, columns = units.padded, padded(B, dtype)
    return Back(
        flat_buffer("dz_flat", n_a, T * B, dtype, scratch),
        scratch.array("dz_t", (2, n_p, columns), dtype),
        scratch.array("back_h", (all_rows(n_p, B), columns), dtype),
    )


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
    own = scratch.plan(_room_back, room.units, n_a, T, B, dtype)
    WhT = packed_transpose("WhT_packed", params["Wh"], 1, B, room.units, scratch)
    d_final = np.ascontiguousarray(dstate[0]) if dstate else np.zeros((n_a, B), dtype)
    dh0 = np.empty_like(d_final)
    inputs = WhT, laid_out(dh, scratch), d_final, room.hs, cache.ends, relu
    together(_backward, scratch.threads, room.crew, *room.units, *inputs, *own, dh0)
    dWx, db, dx = input_gradient(params["Wx"], cache.x, own.dz_flat, cache.ends, scratch)
    dWh = recurrent_gradient(own.dz_flat, room.states, cache.lengths, scratch)
    return {"Wx": dWx, "Wh": dWh, "b": db}, dx, (dh0,)


@kernel
def _forward(
    crew: Any,
    n_p: int,
    chunk: int,
    Wh: Any,
    table: Any,
    ids: Any,
    h0: Any,
    ends: Any,
    relu: bool,
    hs: Any,
    h_flat: Any,
    final: Any,
) -> None:
    T, B, n, chunks = len(ids), len(ends), len(h0), -(-n_p // chunk)
    ticket = draw(crew, chunks, (T + 1) * chunks)
    while ticket >= 0:
        t, (first, last) = ticket // chunks - 1, units_at(ticket, chunks, chunk, n_p)
        rows, h, count = min(last, n) - first, hs[t + 1], B
        if t < 0:
            take_in(h0, h, first, last)
            begin_final(h0, final, ends, first, last)
        else:
            count = running(ends, t, h)
            multiply(Wh, first, last, hs[t], h[first:], count)
            add_to_gates(h, table, ids[t], 1, n, n_p, first, last, count)
            _step(h[first:last], count, relu)
            end_columns(h, final, ends, t, count, first, last)
        spread(h, first, h_flat, first, rows, (t + 1) * B, B, count)
        ticket = draw_again(crew, chunks, (T + 1) * chunks)


@inline
def _step(h: Any, count: int, relu: bool) -> None:
    """φ in place."""
    rows, length = strips(h, count)
    for u in range(rows):
        for e in places(h, u, length):
            store(h, e, at_least(load(h, e), 0.0) if relu else tanh(load(h, e)))


@kernel
def _backward(
    crew: Any,
    n_p: int,
    chunk: int,
    WhT: Any,
    dh: Any,
    d_final: Any,
    hs: Any,
    ends: Any,
    relu: bool,
    dz_flat: Any,
    dz: Any,
    back: Any,
    dh0: Any,
) -> None:
    (T, n, B), chunks = dh.shape, -(-n_p // chunk)
    ticket = draw(crew, chunks, (T + 1) * chunks)
    while ticket >= 0:
        t, (first, last) = T - 1 - ticket // chunks, units_at(ticket, chunks, chunk, n_p)
        if t + 1 == T:
            clear(back, first, last)
            clear(dz[0], first, last)
            clear(dz[1], first, last)
        else:
            after = dz[(t + 1) % 2]
            multiply(WhT, first, last, after, back[first:], running(ends, t + 1, back))
        enter_gradient(back, d_final, ends, t, first, last)
        if t < 0:
            take_out(back, dh0, first, last)
        else:
            now, count = dz[t % 2], running(ends, t, back)
            add_outputs(dh, back, ends, t, now, count, first, last)
            _step_back(hs[t + 1, first:last], now[first:last], count, relu)
            spread(now, first, dz_flat, first, min(last, n) - first, t * B, B, count)
        ticket = draw_again(crew, chunks, (T + 1) * chunks)


@inline
def _step_back(h: Any, dz: Any, count: int, relu: bool) -> None:
    """dz = dh ⊙ φ′, in place: φ′ = 1 − h² or [h > 0]."""
    rows, length = strips(dz, count)
    for u in range(rows):
        for e in places(dz, u, length):
            out, d = load(h, e), load(dz, e)
            store(dz, e, where_positive(out, d) if relu else d * (1.0 - out * out))


class CompiledVanilla(NamedTuple):
    """The compiled form of the cell."""

    threads: int
    relu: bool

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Any]:
        """``Cell.forward``."""
        return forward(params, x, state, lengths, self.relu, scratch)

    def backward(
        self, params: Params, cache: Any, dh: Array, dstate: State | None, scratch: Scratch
    ) -> tuple[Params, Array | None, State]:
        """``Cell.backward``."""
        return backward(params, cache, dh, dstate, self.relu, scratch)
