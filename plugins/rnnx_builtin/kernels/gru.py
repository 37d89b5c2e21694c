"""The GRU's kernels: a whole sequence forward or back in one compiled call."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnnx.contracts import Array, Params, State
from rnnx.scratch import Scratch
from rnnx_builtin.kernels import gru_steps
from rnnx_builtin.kernels.product import (
    all_rows,
    packed,
    packed_transpose,
    padded,
    padded_rows,
)
from rnnx_builtin.kernels.sequence import (
    Input,
    flat_buffer,
    input_gradient,
    input_of,
    steps_of,
)


class Cache(NamedTuple):
    x: Input
    h_flat: Array  # (n_a, ≥ (T + 1)·B), the initial state first
    hs: Array  # (T + 1, n_p, B_p), the initial state first; n_p and B_p are padded
    gates: Array  # (T, ≥ 3·n_p, B_p): r, z, n after their activations
    inner: Array  # (T, n_p, B_p): Wh·h⟨t−1⟩ + bn, or r ⊙ h⟨t−1⟩
    ends: Array  # (B,) lengths


def forward(
    params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
) -> tuple[Array, State, Cache]:
    """GRU.forward; ``params`` hold bn where the reset comes after the product."""
    (n_a, B), T, dtype = state[0].shape, len(x), params["Wh"].dtype
    B_p, n_p = padded(B, dtype), padded_rows(n_a, B, dtype)
    given = input_of(params["Wx"], params["b"], x, lengths, scratch)
    cache = Cache(
        given,
        flat_buffer("h_flat", n_a, (T + 1) * B, dtype, scratch),
        scratch.array("hs", (T + 1, n_p, B_p), dtype),
        scratch.array("gates", (T, all_rows(3 * n_p, B), B_p), dtype),
        scratch.array("inner", (T, n_p, B_p), dtype),
        np.full(B, T) if lengths is None else lengths,
    )
    final = np.empty((n_a, B), dtype)
    common = (given.columns, given.ids, state[0], *cache[1:], final)
    if "bn" in params:
        Wh = packed("Wh_packed", params["Wh"], 3, B, scratch)
        gru_steps.forward_after(Wh, params["bn"], *common)
    else:
        gates = packed("Wh_packed", params["Wh"][: 2 * n_a], 2, B, scratch)
        Whn = packed("Whn_packed", params["Wh"][2 * n_a :], 1, B, scratch)
        q = scratch.array("q_t", (all_rows(n_p, B), B_p), dtype)
        gru_steps.forward_before(gates, Whn, q, *common)
    return steps_of(cache.h_flat[:, B:], T, B), (final,), cache


def backward(
    params: Params, cache: Cache, dh: Array, dstate: State | None, scratch: Scratch
) -> tuple[Params, Array | None, State]:
    """GRU.backward."""
    T, n_a, B = dh.shape
    dtype, (_, n_p, B_p), Wh = dh.dtype, cache.inner.shape, params["Wh"]
    dz_flat = flat_buffer("dz_flat", 3 * n_a, T * B, dtype, scratch)
    # n's block of dWh: of dn·r by h where the reset comes after, of dn by r ⊙ h where before.
    n_flat = flat_buffer("n_flat", n_a, T * B, dtype, scratch)
    dh0 = np.empty((n_a, B), dtype)
    common = (
        dh,
        dstate[0] if dstate else np.zeros((n_a, B), dtype),
        *cache[2:],
        scratch.array("dz_t", (3 * n_p, B_p), dtype),
        scratch.array("d_t", (2 * n_p, B_p), dtype),
        scratch.array("back_h", (all_rows(n_p, B), B_p), dtype),
        dz_flat,
        n_flat,
        dh0,
    )
    if "bn" in params:
        WhT = packed_transpose("WhT_packed", Wh, 3, B, scratch)
        gru_steps.backward_after(WhT, *common)
    else:
        WhT = packed_transpose("WhT_packed", Wh[: 2 * n_a], 2, B, scratch)
        WhnT = packed_transpose("WhnT_packed", Wh[2 * n_a :], 1, B, scratch)
        d_inner = scratch.array("d_inner", (all_rows(n_p, B), B_p), dtype)
        gru_steps.backward_before(WhT, WhnT, d_inner, *common)
    dWx, db, dx = input_gradient(params["Wx"], cache.x, dz_flat, scratch)
    dz, beside, h = (flat[:, : T * B] for flat in (dz_flat, n_flat, cache.h_flat))
    dWh = scratch.array("dWh", (3 * n_a, n_a), dtype)
    dparams = {"Wx": dWx, "Wh": dWh, "b": db}
    np.matmul(dz[: 2 * n_a], h.T, out=dWh[: 2 * n_a])
    if "bn" in params:
        np.matmul(beside, h.T, out=dWh[2 * n_a :])
        dbn = scratch.array("dbn", (n_a, 1), dtype)
        dparams["bn"] = np.sum(beside, axis=1, keepdims=True, out=dbn)
    else:
        np.matmul(dz[2 * n_a :], beside.T, out=dWh[2 * n_a :])
    return dparams, dx, (dh0,)
