"""The GRU's kernels: a whole sequence forward or back in one compiled call."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnnx.contracts import Array, Params, State
from rnnx.scratch import Scratch
from rnnx_builtin.kernels import gru_steps
from rnnx_builtin.kernels.parts import Part, each, joined, part_arrays
from rnnx_builtin.kernels.product import (
    all_rows,
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
from rnnx_builtin.kernels.valid import valid_columns, valid_of


class Kept(NamedTuple):
    """Of a part's columns; n_p and B_p are padded."""

    hs: Array  # (T + 1, n_p, B_p), the initial state first
    gates: Array  # (T, ≥ 3·n_p, B_p): r, z, n after their activations
    inner: Array  # (T, n_p, B_p): Wh·h⟨t−1⟩ + bn, or r ⊙ h⟨t−1⟩


class Room(NamedTuple):
    """The buffers of a sequence of one size."""

    states: States
    parts: list[tuple[Part, Kept, Array]]  # the last: a second product (≥ n_p, B_p)


class Cache(NamedTuple):
    x: Input
    room: Room
    lengths: Array | None  # (B,)
    ends: Array  # (B,), T where there are none


def _room(scratch: Scratch, n_a: int, T: int, B: int, dtype: Any) -> Room:
    n_p = padded_rows(n_a, B, dtype)
    shapes = {"hs": (T + 1, n_p), "gates": (T, all_rows(3 * n_p, B)), "inner": (T, n_p)}
    made = part_arrays({**shapes, "beside_t": (all_rows(n_p, B),)}, B, dtype, scratch)
    parts = [(part, Kept(*kept), beside) for part, (*kept, beside) in made]
    return Room(states_for(scratch, n_a, T, B, dtype), parts)


def forward(
    params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
) -> tuple[Array, State, Any]:
    """GRU.forward; ``params`` hold bn where the reset comes after the product."""
    (n_a, B), T, dtype = state[0].shape, len(x), params["Wh"].dtype
    room, ends = scratch.plan(_room, n_a, T, B, dtype), ends_of(lengths, T, B, scratch)
    given = input_of(params["Wx"], params["b"], x, ends, scratch)
    weights, finals, calls = _weights(params, B, scratch), [], []
    for part, kept, beside in room.parts:
        start = part.of(state[0])
        finals.append(np.empty_like(start))
        where = (part.cut(ends), part.first, B)
        fixed = (*weights, given.columns, part.of(given.ids), room.states.flat)
        calls.append((*fixed, start, *kept, *where, beside, finals[-1]))
    each(gru_steps.forward_after if "bn" in params else gru_steps.forward_before, calls)
    return room.states.h, (joined(finals),), Cache(given, room, lengths, ends)


def _weights(params: Params, B: int, scratch: Scratch) -> tuple[Array, Array]:
    """All of Wh and bn, or the rows of Wh for r and z, and those for n."""
    Wh = params["Wh"]
    if "bn" in params:
        return packed("Wh_packed", Wh, 3, B, scratch), params["bn"]
    n_a = Wh.shape[1]
    return (
        packed("Wh_packed", Wh[: 2 * n_a], 2, B, scratch),
        packed("Whn_packed", Wh[2 * n_a :], 1, B, scratch),
    )


def _weights_back(params: Params, B: int, scratch: Scratch) -> tuple[Array, Array]:
    """Their transposes; the second is of use only where the reset comes before."""
    Wh, n_a = params["Wh"], params["Wh"].shape[1]
    if "bn" in params:
        whole = packed_transpose("WhT_packed", Wh, 3, B, scratch)
        return whole, whole
    return (
        packed_transpose("WhT_packed", Wh[: 2 * n_a], 2, B, scratch),
        packed_transpose("WhnT_packed", Wh[2 * n_a :], 1, B, scratch),
    )


class Back(NamedTuple):
    """Buffers for the way back."""

    dz_flat: Array  # (3·n_a, ≥ T·B)
    # n's block of dWh: of dn·r by h where the reset comes after, of dn by r ⊙ h where before.
    n_flat: Array  # (n_a, ≥ T·B)
    parts: list[tuple[Array, ...]]  # a step's, by part


def _room_back(scratch: Scratch, n_a: int, T: int, B: int, dtype: Any) -> Back:
    n_p, all_n = padded_rows(n_a, B, dtype), all_rows(padded_rows(n_a, B, dtype), B)
    shapes = {"dz_t": (3 * n_p,), "d_t": (2 * n_p,), "back_h": (all_n,), "beside_t": (all_n,)}
    parts = [arrays for _, arrays in part_arrays(shapes, B, dtype, scratch)]
    dz_flat = flat_buffer("dz_flat", 3 * n_a, T * B, dtype, scratch)
    return Back(dz_flat, flat_buffer("n_flat", n_a, T * B, dtype, scratch), parts)


def backward(
    params: Params, cache: Any, dh: Array, dstate: State | None, scratch: Scratch
) -> tuple[Params, Array | None, State]:
    """GRU.backward."""
    (T, n_a, B), dtype = dh.shape, dh.dtype
    dz_flat, n_flat, parts = scratch.plan(_room_back, n_a, T, B, dtype)
    weights, dh = _weights_back(params, B, scratch), laid_out(dh, scratch)
    d_final = dstate[0] if dstate else np.zeros((n_a, B), dtype)
    starts, calls = [], []
    for (part, kept, _), buffers in zip(cache.room.parts, parts, strict=True):
        given = part.of(d_final)
        starts.append(np.empty_like(given))
        where = (part.cut(cache.ends), part.first, B)
        fixed = (*weights, part.cut(dh), dz_flat, n_flat)
        calls.append((*fixed, given, *kept, *where, *buffers, starts[-1]))
    each(gru_steps.backward_after if "bn" in params else gru_steps.backward_before, calls)
    grads, dx = _gradients(params, cache, dz_flat, n_flat, scratch)
    return grads, dx, (joined(starts),)


def _gradients(
    params: Params, cache: Cache, dz_flat: Array, n_flat: Array, scratch: Scratch
) -> tuple[Params, Array | None]:
    (T, B), n_a, dtype = cache.x.ids.shape, params["Wh"].shape[1], dz_flat.dtype
    dWx, db, dx = input_gradient(params["Wx"], cache.x, dz_flat, cache.ends, scratch)
    valid, states = valid_of(cache.lengths, T, B, scratch), cache.room.states
    dz = valid_columns(dz_flat, valid, T * B, "dz_valid", scratch)
    beside = valid_columns(n_flat, valid, T * B, "n_valid", scratch)
    before = valid_columns(states.flat, valid, T * B, "before_valid", scratch).T
    dWh = scratch.array("dWh", (3 * n_a, n_a), dtype)
    dparams = {"Wx": dWx, "Wh": dWh, "b": db}
    np.matmul(dz[: 2 * n_a], before, out=dWh[: 2 * n_a])
    if "bn" in params:
        np.matmul(beside, before, out=dWh[2 * n_a :])
        dbn = scratch.array("dbn", (n_a, 1), dtype)
        dparams["bn"] = np.sum(beside, axis=1, keepdims=True, out=dbn)
    else:
        np.matmul(dz[2 * n_a :], beside.T, out=dWh[2 * n_a :])
    return dparams, dx
