"""The LSTM's kernels: a whole sequence forward or back in one compiled call."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array, Params, State
from rnnx.contracts.buffers import Scratch
from rnnx_builtin.kernels.rnn import lstm_loops
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
from rnnx_builtin.kernels.simd.gemm import (
    Units,
    all_rows,
    packed,
    packed_transpose,
    padded,
    units_of,
)
from rnnx_builtin.kernels.simd.work_queue import crew_of, together


class Room(NamedTuple):
    """The buffers of a sequence of one size; n_p and B_p are padded."""

    units: Units
    crew: Array
    states: States
    hs: Array  # (2, n_p, B_p), h of a step and of the one before
    cs: Array  # (T + 1, n_p, B_p), cs[0] the initial state
    gates: Array  # (T, ≥ 4·n_p, B_p): i, f, o, g after their activations
    tanh_c: Array  # (T, n_p, B_p)


class Cache(NamedTuple):
    x: Input
    room: Room
    lengths: Array | None  # (B,)
    ends: Array  # (B,), T where there are none


def _room(scratch: Scratch, n_a: int, T: int, B: int, dtype: Any) -> Room:
    units, B_p = units_of(n_a, 4, B, dtype, scratch.threads), padded(B, dtype)
    n_p, rows = units.padded, all_rows(4 * units.padded, B)
    shapes = {"hs": (2, n_p), "cs": (T + 1, n_p), "gates": (T, rows), "tanh_c": (T, n_p)}
    arrays = (scratch.array(name, (*shape, B_p), dtype) for name, shape in shapes.items())
    return Room(units, crew_of(scratch), states_for(scratch, n_a, T, B, dtype), *arrays)


def forward(
    params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
) -> tuple[Array, State, Any]:
    """LSTM.forward."""
    (n_a, B), T, Wh = state[0].shape, len(x), params["Wh"]
    room, ends = scratch.plan(_room, n_a, T, B, Wh.dtype), ends_of(lengths, T, B, scratch)
    given = input_of(params["Wx"], params["b"], x, ends, scratch)
    Wh = packed("Wh_packed", Wh, 4, B, room.units, scratch)
    h0, c0 = (np.ascontiguousarray(start) for start in state)
    final_h, final_c = np.empty_like(h0), np.empty_like(c0)
    inputs = Wh, given.table, given.ids, h0, c0, ends
    kept = *room[3:], room.states.flat, final_h, final_c
    together(lstm_loops.forward, scratch.threads, room.crew, *room.units, *inputs, *kept)
    return room.states.h, (final_h, final_c), Cache(given, room, lengths, ends)


class Back(NamedTuple):
    """Buffers for the way back."""

    dz_flat: Array  # (4·n_a, ≥ T·B)
    dz: Array  # (2, 4·n_p, B_p), of a step and of the one after it, gate by gate
    dh: Array  # (n_p, B_p) of a step
    back_h: Array  # (≥ n_p, B_p), dh by the step after
    back_c: Array  # (n_p, B_p), dc by the step after


def _room_back(scratch: Scratch, units: Units, n_a: int, T: int, B: int, dtype: Any) -> Back:
    n_p, B_p = units.padded, padded(B, dtype)
    shapes = {"dz_t": (2, 4 * n_p), "dh_t": (n_p,), "back_h": (all_rows(n_p, B),), "back_c": (n_p,)}
    arrays = (scratch.array(name, (*shape, B_p), dtype) for name, shape in shapes.items())
    return Back(flat_buffer("dz_flat", 4 * n_a, T * B, dtype, scratch), *arrays)


def backward(
    params: Params, cache: Any, dh: Array, dstate: State | None, scratch: Scratch
) -> tuple[Params, Array | None, State]:
    """LSTM.backward."""
    (T, n_a, B), dtype, room = dh.shape, dh.dtype, cache.room
    own = scratch.plan(_room_back, room.units, n_a, T, B, dtype)
    WhT = packed_transpose("WhT_packed", params["Wh"], 4, B, room.units, scratch)
    d_h, d_c = (np.ascontiguousarray(d) for d in dstate or (np.zeros((n_a, B), dtype),) * 2)
    dh0, dc0 = np.empty_like(d_h), np.empty_like(d_c)
    inputs = WhT, laid_out(dh, scratch), d_h, d_c, *room[4:], cache.ends
    together(lstm_loops.backward, scratch.threads, room.crew, *room.units, *inputs, *own, dh0, dc0)
    dWx, db, dx = input_gradient(params["Wx"], cache.x, own.dz_flat, cache.ends, scratch)
    dWh = recurrent_gradient(own.dz_flat, room.states, cache.lengths, scratch)
    return {"Wx": dWx, "Wh": dWh, "b": db}, dx, (dh0, dc0)


class CompiledLSTM(NamedTuple):
    """The compiled form of the cell."""

    threads: int

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Any]:
        """``Cell.forward``."""
        return forward(params, x, state, lengths, scratch)

    def backward(
        self, params: Params, cache: Any, dh: Array, dstate: State | None, scratch: Scratch
    ) -> tuple[Params, Array | None, State]:
        """``Cell.backward``."""
        return backward(params, cache, dh, dstate, scratch)
