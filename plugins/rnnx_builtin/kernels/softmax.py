"""The softmax head's kernels: one pass over the logits there, one back."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnnx.contracts import Array, Params
from rnnx.padding import is_padded, mask
from rnnx.scratch import Scratch
from rnnx_builtin.kernels.activations import exp
from rnnx_builtin.kernels.compiling import kernel
from rnnx_builtin.kernels.lanes import at_least, load, store, sum_of
from rnnx_builtin.kernels.product import lanes_of
from rnnx_builtin.kernels.sequence import flat_buffer, flat_of, steps_of


class Cache(NamedTuple):
    h_flat: Array  # (n_a, T·B)
    p: Array  # (n_y, ≥ T·B), the probabilities
    y: Array  # (T·B,) ids
    weight: float  # of a valid token in the loss
    shape: tuple[int, int, int]  # T, n_a, B


def forward(
    params: Params, h: Array, y: Array, lengths: Array | None, by_token: bool, scratch: Scratch
) -> tuple[float, Array, Any]:
    """Softmax.forward; ``by_token``: the mean over valid tokens, else over the batch."""
    (T, n_a, B), n_y, dtype = h.shape, len(params["Wy"]), h.dtype
    h_flat = flat_of(h, "h_flat", scratch)
    ids = scratch.array("ids", (T, B), np.int32)
    np.copyto(ids, y, casting="unsafe")
    tokens = T * B
    if lengths is not None and is_padded(lengths, T):
        ended = ~mask(lengths, T)
        np.copyto(ids, -1, where=ended)  # counts in no sum
        tokens = int(lengths.sum())
        own = flat_buffer("h_valid", n_a, T * B, dtype, scratch)[:, : T * B]
        np.copyto(own, h_flat)
        own[:, ended.ravel()] = 0
        h_flat = own
    z = flat_buffer("p", n_y, T * B, dtype, scratch)
    np.matmul(params["Wy"], h_flat, out=z[:, : T * B])
    total = scratch.array("total", (z.shape[1],), dtype)
    highest = scratch.array("highest", (z.shape[1],), dtype)
    nats = np.empty(T * B, dtype)
    _probabilities(z, params["by"], ids.reshape(T * B), highest, total, nats)
    np.log(total, out=total)
    nats += total[: T * B]
    if tokens < T * B:
        np.copyto(nats, 0, where=ids.reshape(T * B) < 0)
    divisor = max(tokens, 1) if by_token else B
    loss = float(np.sum(nats, dtype=np.float64)) / divisor
    return loss, nats.reshape(T, B), Cache(h_flat, z, ids.reshape(T * B), 1 / divisor, h.shape)


def backward(params: Params, cache: Any, scratch: Scratch) -> tuple[Params, Array]:
    """Softmax.backward."""
    h_flat, p, y, weight, (T, n_a, B) = cache
    n_y, dtype = len(p), p.dtype
    dz = flat_buffer("dz", n_y, T * B, dtype, scratch)
    dby = scratch.array("dby", (n_y, 1), dtype)
    _gradient(p, y, dtype.type(weight), dz, dby)
    dz = dz[:, : T * B]
    dWy = np.matmul(dz, h_flat.T, out=scratch.array("dWy", (n_y, n_a), dtype))
    dh = flat_buffer("dh", n_a, T * B, dtype, scratch)
    np.matmul(params["Wy"].T, dz, out=dh[:, : T * B])
    return {"Wy": dWy, "by": dby}, steps_of(dh, T, B)


@kernel
def _probabilities(z: Any, by: Any, ids: Any, highest: Any, total: Any, nats: Any) -> None:
    """Products z → p in place, a few columns at a time; nats = max − logit of each target."""
    n, row = z.shape
    lanes = lanes_of(z)
    for r in range(n):  # beyond the last column: anything finite
        for e in range(ids.size, row):
            z[r, e] = 0
    for e in range(0, row, lanes):
        top = load(z, e) + by[0, 0]
        for r in range(n):
            one = load(z, r * row + e) + by[r, 0]
            store(z, r * row + e, one)
            top = at_least(one, top)
        store(highest, e, top)
    for e in range(ids.size):
        nats[e] = highest[e] - z[max(ids[e], 0), e]
    for e in range(0, row, lanes):
        top = load(highest, e)
        whole = top * 0.0
        for r in range(n):
            one = exp(load(z, r * row + e) - top)
            store(z, r * row + e, one)
            whole = whole + one
        store(total, e, whole)
        share = 1.0 / whole
        for r in range(n):
            store(z, r * row + e, load(z, r * row + e) * share)


@kernel
def _gradient(p: Any, ids: Any, weight: Any, dz: Any, dby: Any) -> None:
    """dz = (p − onehot(y)) · weight, 0 where a column has ended, and its sums by row."""
    n, row = p.shape
    lanes = lanes_of(p)
    for e in range(0, n * row, lanes):
        store(dz, e, load(p, e) * weight)
    for e in range(ids.size):
        if ids[e] >= 0:
            dz[ids[e], e] -= weight
        else:
            for r in range(n):
                dz[r, e] = 0
    for r in range(n):
        for e in range(ids.size, row):
            dz[r, e] = 0
        whole = load(dz, r * row)
        for e in range(lanes, row, lanes):
            whole = whole + load(dz, r * row + e)
        dby[r, 0] = sum_of(whole)
