"""The softmax head's kernels: one pass over the logits there, one back.

Only the N valid tokens of a padded batch are looked at, side by side.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Scratch
from rnnx_builtin.kernels.rnn.packing import Valid, put_back, valid_columns, valid_of
from rnnx_builtin.kernels.rnn.sequence import flat_buffer, flat_of, steps_of
from rnnx_builtin.kernels.simd.activations import exp
from rnnx_builtin.kernels.simd.blas import matmul
from rnnx_builtin.kernels.simd.compiling import kernel
from rnnx_builtin.kernels.simd.gemm import lanes_of, width
from rnnx_builtin.kernels.simd.vectors import at_least, load, store, sum_of, zeros_of


class Room(NamedTuple):
    """The buffers of a sequence of one size."""

    places: Array  # (T·B,), 0, 1, …
    p: Array  # (n_y, ≥ T·B), the probabilities
    highest: Array  # (a register's lanes,)
    total: Array  # the same
    dz: Array  # (n_y, ≥ T·B)
    dh_flat: Array  # (n_a, ≥ T·B)
    dh: Array  # (T, n_a, B), a view of it


class Cache(NamedTuple):
    h: Array  # (n_a, N)
    ids: Array  # (N,) their targets
    valid: Valid | None  # None: all T·B
    weight: float  # of a token in the loss
    room: Room


def _room(scratch: Scratch, n_y: int, n_a: int, T: int, B: int, dtype: Any) -> Room:
    dh = flat_buffer("dh", n_a, T * B, dtype, scratch)
    return Room(
        np.arange(T * B),
        flat_buffer("p", n_y, T * B, dtype, scratch),
        scratch.array("highest", (width(dtype),), dtype),
        scratch.array("total", (width(dtype),), dtype),
        flat_buffer("dz", n_y, T * B, dtype, scratch),
        dh,
        steps_of(dh, T, B),
    )


def forward(
    params: Params, h: Array, y: Array, lengths: Array | None, by_token: bool, scratch: Scratch
) -> tuple[float, Array, Any]:
    """Softmax.forward; ``by_token``: the mean over valid tokens, else over the batch."""
    (T, n_a, B), (Wy, by) = h.shape, (params["Wy"], params["by"])
    room = scratch.plan(_room, len(Wy), n_a, T, B, h.dtype)
    valid = valid_of(lengths, T, B, scratch)
    h_flat = valid_columns(flat_of(h, "h_flat", scratch), valid, T * B, "h_valid", scratch)
    ids = np.ascontiguousarray(y, np.intp).reshape(T * B)
    places = valid.places if valid else room.places
    if valid:
        ids = ids[places]
    count = len(ids)
    matmul(Wy, h_flat, room.p[:, :count], scratch.threads)
    nats = np.zeros(T * B, h.dtype)
    sums = room.highest, room.total
    total = _probabilities(room.p, by, ids, places, *sums, nats)
    divisor = max(count, 1) if by_token else B
    return total / divisor, nats.reshape(T, B), Cache(h_flat, ids, valid, 1 / divisor, room)


def backward(params: Params, cache: Any, scratch: Scratch) -> tuple[Params, Array]:
    """Softmax.backward."""
    h, ids, valid, weight, room = cache
    dh, count, dtype = room.dh_flat, len(ids), room.p.dtype
    dWy = scratch.array("dWy", (len(room.p), len(dh)), dtype)
    dby = scratch.array("dby", (len(room.p), 1), dtype)
    _gradient(room.p, ids, weight, room.dz, dby)
    dz = room.dz[:, :count]
    matmul(dz, h.T, dWy, scratch.threads)
    if valid is None:
        matmul(params["Wy"].T, dz, dh[:, :count], scratch.threads)
    else:
        columns = flat_buffer("dh_valid", len(dh), len(room.places), dtype, scratch)
        matmul(params["Wy"].T, dz, columns[:, :count], scratch.threads)
        put_back(columns, valid.runs, dh)
    return {"Wy": dWy, "by": dby}, room.dh


@kernel
def _probabilities(
    z: Any, by: Any, ids: Any, places: Any, highest: Any, total: Any, nats: Any
) -> float:
    """Products z → p in place, a register's columns at a time; −ln p of each target, their sum."""
    n, row = z.shape
    lanes, loss = lanes_of(z), 0.0
    for e in range(0, ids.size, lanes):
        last = min(lanes, ids.size - e)
        for r in range(n):  # beyond the last column: anything finite
            for j in range(last, lanes):
                z[r, e + j] = 0
        top = load(z, e) + by[0, 0]
        for r in range(n):
            one = load(z, r * row + e) + by[r, 0]
            store(z, r * row + e, one)
            top = at_least(one, top)
        store(highest, 0, top)
        for j in range(last):
            nats[places[e + j]] = highest[j] - z[ids[e + j], e + j]
        whole = top * 0.0
        for r in range(n):
            one = exp(load(z, r * row + e) - top)
            store(z, r * row + e, one)
            whole = whole + one
        store(total, 0, whole)
        for j in range(last):
            nats[places[e + j]] += math.log(total[j])
            loss += nats[places[e + j]]
        share = 1.0 / whole
        for r in range(n):
            store(z, r * row + e, load(z, r * row + e) * share)
    return loss


@kernel
def _gradient(p: Any, ids: Any, weight: Any, dz: Any, dby: Any) -> None:
    """dz = (p − onehot(y)) · weight, and its sums by row."""
    n, row = p.shape
    lanes = lanes_of(p)
    stop = (ids.size + lanes - 1) // lanes * lanes
    for r in range(n):
        for e in range(r * row, r * row + stop, lanes):
            store(dz, e, load(p, e) * weight)
        for e in range(ids.size, stop):
            dz[r, e] = 0
    for e in range(ids.size):
        dz[ids[e], e] -= weight
    for r in range(n):
        whole = zeros_of(dz)
        for e in range(r * row, r * row + stop, lanes):
            whole = whole + load(dz, e)
        dby[r, 0] = sum_of(whole)


class CompiledSoftmax(NamedTuple):
    """The compiled form of the head."""

    threads: int
    by_token: bool  # the mean over valid tokens, else over the batch

    def forward(
        self, params: Params, h: Array, y: Array, lengths: Array | None, scratch: Scratch
    ) -> tuple[float, Array, Any]:
        """``Head.forward``."""
        return forward(params, h, y, lengths, self.by_token, scratch)

    def backward(self, params: Params, cache: Any, scratch: Scratch) -> tuple[Params, Array]:
        """``Head.backward``."""
        return backward(params, cache, scratch)
