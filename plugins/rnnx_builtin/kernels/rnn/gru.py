"""The GRU's kernels: a whole sequence forward or back in one compiled call."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array, Params, State
from rnnx.contracts.buffers import Scratch
from rnnx_builtin.kernels.rnn import gru_reset_after, gru_reset_before
from rnnx_builtin.kernels.rnn.packing import valid_columns, valid_of
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
from rnnx_builtin.kernels.simd.blas import matmul
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
    hs: Array  # (T + 1, n_p, B_p), the initial state first
    gates: Array  # (T, ≥ 3·n_p, B_p): r, z, n after their activations
    inner: Array  # (T, n_p, B_p): Wh·h⟨t−1⟩ + bn, or r ⊙ h⟨t−1⟩
    q: Array  # (≥ n_p, B_p): a second product


class Cache(NamedTuple):
    x: Input
    room: Room
    lengths: Array | None  # (B,)
    ends: Array  # (B,), T where there are none


def _room(scratch: Scratch, n_a: int, T: int, B: int, dtype: Any) -> Room:
    units, B_p = units_of(n_a, 3, B, dtype, scratch.threads), padded(B, dtype)
    n_p, rows = units.padded, all_rows(3 * units.padded, B)
    shapes = {"hs": (T + 1, n_p), "gates": (T, rows), "inner": (T, n_p), "q": (all_rows(n_p, B),)}
    arrays = (scratch.array(name, (*shape, B_p), dtype) for name, shape in shapes.items())
    return Room(units, crew_of(scratch), states_for(scratch, n_a, T, B, dtype), *arrays)


def forward(
    params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
) -> tuple[Array, State, Any]:
    """GRU.forward; ``params`` hold bn where the reset comes after the product."""
    (n_a, B), T, dtype = state[0].shape, len(x), params["Wh"].dtype
    room, ends = scratch.plan(_room, n_a, T, B, dtype), ends_of(lengths, T, B, scratch)
    given = input_of(params["Wx"], params["b"], x, ends, scratch)
    start = np.ascontiguousarray(state[0])
    final = np.empty_like(start)
    weights = _weights(params, B, room.units, scratch)
    inputs = *weights, given.table, given.ids, start, ends
    loop = gru_reset_after.forward if "bn" in params else gru_reset_before.forward
    kept = *room[3:], room.states.flat, final
    together(loop, scratch.threads, room.crew, *room.units, *inputs, *kept)
    return room.states.h, (final,), Cache(given, room, lengths, ends)


def _weights(params: Params, B: int, units: Units, scratch: Scratch) -> tuple[Array, Array]:
    """All of Wh and bn, or the rows of Wh for r and z, and those for n."""
    Wh = params["Wh"]
    if "bn" in params:
        return packed("Wh_packed", Wh, 3, B, units, scratch), params["bn"]
    n_a = Wh.shape[1]
    return (
        packed("Wh_packed", Wh[: 2 * n_a], 2, B, units, scratch),
        packed("Whn_packed", Wh[2 * n_a :], 1, B, units, scratch),
    )


def _weights_back(params: Params, B: int, units: Units, scratch: Scratch) -> tuple[Array, Array]:
    """Their transposes; the second is of use only where the reset comes before."""
    Wh, n_a = params["Wh"], params["Wh"].shape[1]
    if "bn" in params:
        whole = packed_transpose("WhT_packed", Wh, 3, B, units, scratch)
        return whole, whole
    return (
        packed_transpose("WhT_packed", Wh[: 2 * n_a], 2, B, units, scratch),
        packed_transpose("WhnT_packed", Wh[2 * n_a :], 1, B, units, scratch),
    )


class Back(NamedTuple):
    """Buffers for the way back."""

    dz_flat: Array  # (3·n_a, ≥ T·B)
    # n's block of dWh: of dn·r by h where the reset comes after, of dn by r ⊙ h where before.
    n_flat: Array  # (n_a, ≥ T·B)
    dz: Array  # (2, 3·n_p, B_p), of a step and of the one after it, gate by gate
    d: Array  # (2, n_p, B_p): dh·z of a step, and dn by the input
    back_h: Array  # (≥ n_p, B_p), dh by the step after
    d_inner: Array  # (≥ n_p, B_p)


def _room_back(scratch: Scratch, units: Units, n_a: int, T: int, B: int, dtype: Any) -> Back:
    n_p, B_p = units.padded, padded(B, dtype)
    all_n = all_rows(n_p, B)
    shapes = {"dz_t": (2, 3 * n_p), "d_t": (2, n_p), "back_h": (all_n,), "d_inner": (all_n,)}
    arrays = (scratch.array(name, (*shape, B_p), dtype) for name, shape in shapes.items())
    dz_flat = flat_buffer("dz_flat", 3 * n_a, T * B, dtype, scratch)
    return Back(dz_flat, flat_buffer("n_flat", n_a, T * B, dtype, scratch), *arrays)


def backward(
    params: Params, cache: Any, dh: Array, dstate: State | None, scratch: Scratch
) -> tuple[Params, Array | None, State]:
    """GRU.backward."""
    (T, n_a, B), dtype, room = dh.shape, dh.dtype, cache.room
    own = scratch.plan(_room_back, room.units, n_a, T, B, dtype)
    d_final = np.ascontiguousarray(dstate[0]) if dstate else np.zeros((n_a, B), dtype)
    dh0 = np.empty_like(d_final)
    weights = _weights_back(params, B, room.units, scratch)
    inputs = *weights, laid_out(dh, scratch), d_final, room.hs, room.gates, room.inner, cache.ends
    loop = gru_reset_after.backward if "bn" in params else gru_reset_before.backward
    together(loop, scratch.threads, room.crew, *room.units, *inputs, *own, dh0)
    grads, dx = _gradients(params, cache, own.dz_flat, own.n_flat, scratch)
    return grads, dx, (dh0,)


def _gradients(
    params: Params, cache: Cache, dz_flat: Array, n_flat: Array, scratch: Scratch
) -> tuple[Params, Array | None]:
    T, B, n_a = len(cache.x.ids), len(cache.ends), params["Wh"].shape[1]
    dtype = dz_flat.dtype
    dWx, db, dx = input_gradient(params["Wx"], cache.x, dz_flat, cache.ends, scratch)
    valid, states = valid_of(cache.lengths, T, B, scratch), cache.room.states
    dz = valid_columns(dz_flat, valid, T * B, "dz_valid", scratch)
    beside = valid_columns(n_flat, valid, T * B, "n_valid", scratch)
    before = valid_columns(states.flat, valid, T * B, "before_valid", scratch).T
    dWh = scratch.array("dWh", (3 * n_a, n_a), dtype)
    dparams = {"Wx": dWx, "Wh": dWh, "b": db}
    matmul(dz[: 2 * n_a], before, dWh[: 2 * n_a], scratch.threads)
    if "bn" in params:
        matmul(beside, before, dWh[2 * n_a :], scratch.threads)
        dbn = scratch.array("dbn", (n_a, 1), dtype)
        dparams["bn"] = np.sum(beside, axis=1, keepdims=True, out=dbn)
    else:
        matmul(dz[2 * n_a :], beside.T, dWh[2 * n_a :], scratch.threads)
    return dparams, dx


class CompiledGRU(NamedTuple):
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
