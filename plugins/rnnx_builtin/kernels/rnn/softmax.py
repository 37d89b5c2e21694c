"""The compiled softmax head: one pass over the logits forward, one backward.

Of a padded batch only the N valid tokens are computed, packed side by side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Scratch, flat_buffer
from rnnx_builtin.kernels.rnn.packing import ValidTokens, find_valid, put_back, take_valid
from rnnx_builtin.kernels.rnn.sequence import flatten, steps_view
from rnnx_builtin.kernels.simd.activations import exp
from rnnx_builtin.kernels.simd.blas import matmul
from rnnx_builtin.kernels.simd.compiling import kernel
from rnnx_builtin.kernels.simd.gemm import lanes_of, register_lanes
from rnnx_builtin.kernels.simd.vectors import at_least, load, store, sum_of, zeros_of


class Workspace(NamedTuple):
    """The buffers of a sequence of one size, which the next sequence of that size reuses."""

    places: Array  # (T·B,), 0, 1, …
    dz: Array  # (n_y, ≥ T·B): logits, then probabilities, then the gradient
    highest: Array  # (lanes,) the largest logit of each column in a register
    total: Array  # (lanes,) Σ exp(z − highest) of each
    dh_flat: Array  # (n_a, ≥ T·B)
    dh: Array  # (T, n_a, B), a view of it


class Cache(NamedTuple):
    h: Array  # (n_a, N)
    valid: ValidTokens | None  # None: all T·B
    space: Workspace


def workspace(scratch: Scratch, n_y: int, n_a: int, T: int, B: int, dtype: Any) -> Workspace:
    """The buffers for n_y symbols, n_a units, T steps and B columns."""
    dh = flat_buffer("dh", n_a, T * B, dtype, scratch)
    return Workspace(
        np.arange(T * B),
        flat_buffer("dz", n_y, T * B, dtype, scratch),
        scratch.array("highest", (register_lanes(dtype),), dtype),
        scratch.array("total", (register_lanes(dtype),), dtype),
        dh,
        steps_view(dh, T, B),
    )


@dataclass(frozen=True)
class CompiledSoftmax:
    """The softmax head in compiled kernels, for so many threads."""

    threads: int
    by_token: bool
    """Whether the loss is a mean over valid tokens, else over columns."""

    def forward(
        self, params: Params, h: Array, y: Array, lengths: Array | None, scratch: Scratch
    ) -> tuple[float, Array, Any]:
        """``Head.forward``."""
        (T, n_a, B), (Wy, by) = h.shape, (params["Wy"], params["by"])
        space = scratch.plan(workspace, len(Wy), n_a, T, B, h.dtype)
        valid, places, count = find_valid(lengths, T, B, scratch), space.places, T * B
        h_flat, ids = flatten(h, "h_flat", scratch), np.ascontiguousarray(y, np.intp).reshape(-1)
        if valid is not None:
            h_flat = take_valid(h_flat, valid, count, "h_valid", scratch)
            places = valid.places
            ids = ids[places]
            count = len(ids)
        matmul(Wy, h_flat, space.dz[:, :count], self.threads)
        nats = np.zeros(T * B, h.dtype)
        sums, divisor = (space.highest, space.total), max(count, 1) if self.by_token else B
        total = loss_and_slope(space.dz, by, ids, places, 1 / divisor, *sums, nats)
        return total / divisor, nats.reshape(T, B), Cache(h_flat, valid, space)

    def backward(self, params: Params, cache: Any, scratch: Scratch) -> tuple[Params, Array]:
        """``Head.backward``."""
        h, valid, space = cache
        dh, count, dtype = space.dh_flat, h.shape[1], space.dz.dtype
        dWy = scratch.array("dWy", (len(space.dz), len(dh)), dtype)
        dby = scratch.array("dby", (len(space.dz), 1), dtype)
        row_sums(space.dz, count, dby)
        dz = space.dz[:, :count]
        matmul(dz, h.T, dWy, self.threads)
        if valid is None:
            matmul(params["Wy"].T, dz, dh[:, :count], self.threads)
        else:
            columns = flat_buffer("dh_valid", len(dh), len(space.places), dtype, scratch)
            matmul(params["Wy"].T, dz, columns[:, :count], self.threads)
            put_back(columns, valid.runs, valid.n_runs, dh)
        return {"Wy": dWy, "by": dby}, space.dh


@kernel
def loss_and_slope(
    z: Any, by: Any, ids: Any, places: Any, weight: Any, highest: Any, total: Any, nats: Any
) -> float:
    """Wy·h → (p − onehot(y)) · weight in place; −ln p of each target, and their sum.

    A register of columns at a time, which stays in the caches from the logits to the gradient.
    """
    n, row = z.shape
    lanes, loss = lanes_of(z), 0.0
    for e in range(0, ids.size, lanes):
        last = min(lanes, ids.size - e)
        for r in range(n):  # beyond the last column: any finite number
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
        inverse = 1.0 / whole
        for r in range(n):
            store(z, r * row + e, load(z, r * row + e) * inverse * weight)
        for j in range(last):
            z[ids[e + j], e + j] -= weight
        for r in range(n):
            for j in range(last, lanes):
                z[r, e + j] = 0
    return loss


@kernel
def row_sums(dz: Any, count: int, sums: Any) -> None:
    """Σ of the first ``count`` columns of each row; 0 stands in the rest of their registers."""
    n, row = dz.shape
    lanes = lanes_of(dz)
    for r in range(n):
        whole = zeros_of(dz)
        for e in range(r * row, r * row + count, lanes):
            whole = whole + load(dz, e)
        sums[r, 0] = sum_of(whole)
