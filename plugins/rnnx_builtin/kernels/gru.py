"""The GRU's kernels: a whole sequence forward or back in one compiled call."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rnnx.contracts import Array, Params, State
from rnnx.scratch import Scratch
from rnnx_builtin.kernels import gru_steps
from rnnx_builtin.kernels.parts import each, joined, parts_of
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
    laid_out,
    steps_of,
)


class Kept(NamedTuple):
    """Of a part's columns; n_p and B_p are padded."""

    hs: Array  # (T + 1, n_p, B_p), the initial state first
    gates: Array  # (T, ≥ 3·n_p, B_p): r, z, n after their activations
    inner: Array  # (T, n_p, B_p): Wh·h⟨t−1⟩ + bn, or r ⊙ h⟨t−1⟩


class Cache(NamedTuple):
    x: Input
    h_flat: Array  # (n_a, ≥ (T + 1)·B), the initial state first
    kept: list[Kept]
    ends: Array  # (B,) lengths


def forward(
    params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
) -> tuple[Array, State, Any]:
    """GRU.forward; ``params`` hold bn where the reset comes after the product."""
    (n_a, B), T, dtype = state[0].shape, len(x), params["Wh"].dtype
    given = input_of(params["Wx"], params["b"], x, lengths, scratch)
    h_flat = flat_buffer("h_flat", n_a, (T + 1) * B, dtype, scratch)
    ends = np.full(B, T) if lengths is None else lengths
    n_p, kept, finals, calls = padded_rows(n_a, B, dtype), [], [], []
    weights = _weights(params, B, scratch)
    for part in parts_of(B, scratch.threads, dtype):
        own, columns = scratch.child(f"part{part.first}"), padded(part.last - part.first, dtype)
        kept.append(
            Kept(
                own.array("hs", (T + 1, n_p, columns), dtype),
                own.array("gates", (T, all_rows(3 * n_p, B), columns), dtype),
                own.array("inner", (T, n_p, columns), dtype),
            )
        )
        beside = own.array("beside_t", (all_rows(n_p, B), columns), dtype)
        start = part.of(state[0])
        finals.append(np.empty_like(start))
        where = (part.of(ends), part.first, B)
        fixed = (*weights, given.columns, part.of(given.ids), h_flat)
        calls.append((*fixed, start, *kept[-1], *where, beside, finals[-1]))
    each(gru_steps.forward_after if "bn" in params else gru_steps.forward_before, calls)
    return steps_of(h_flat[:, B:], T, B), (joined(finals),), Cache(given, h_flat, kept, ends)


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


def backward(
    params: Params, cache: Any, dh: Array, dstate: State | None, scratch: Scratch
) -> tuple[Params, Array | None, State]:
    """GRU.backward."""
    (T, n_a, B), dtype = dh.shape, dh.dtype
    dz_flat = flat_buffer("dz_flat", 3 * n_a, T * B, dtype, scratch)
    # n's block of dWh: of dn·r by h where the reset comes after, of dn by r ⊙ h where before.
    n_flat = flat_buffer("n_flat", n_a, T * B, dtype, scratch)
    weights, dh = _weights_back(params, B, scratch), laid_out(dh, scratch)
    d_final = dstate[0] if dstate else np.zeros((n_a, B), dtype)
    parts, starts, calls = parts_of(B, scratch.threads, dtype), [], []
    for part, kept in zip(parts, cache.kept, strict=True):
        own, (_, n_p, columns) = scratch.child(f"part{part.first}"), kept.inner.shape
        given = part.of(d_final)
        starts.append(np.empty_like(given))
        buffers = (
            own.array("dz_t", (3 * n_p, columns), dtype),
            own.array("d_t", (2 * n_p, columns), dtype),
            own.array("back_h", (all_rows(n_p, B), columns), dtype),
            own.array("beside_t", (all_rows(n_p, B), columns), dtype),
        )
        where = (part.of(cache.ends), part.first, B)
        here = dh[..., part.first : part.last]
        fixed = (*weights, here, dz_flat, n_flat)
        calls.append((*fixed, given, *kept, *where, *buffers, starts[-1]))
    each(gru_steps.backward_after if "bn" in params else gru_steps.backward_before, calls)
    grads, dx = _gradients(params, cache, dz_flat, n_flat, scratch)
    return grads, dx, (joined(starts),)


def _gradients(
    params: Params, cache: Cache, dz_flat: Array, n_flat: Array, scratch: Scratch
) -> tuple[Params, Array | None]:
    (T, B), n_a, dtype = cache.x.ids.shape, params["Wh"].shape[1], dz_flat.dtype
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
    return dparams, dx
