"""The compiled GRU: a whole sequence forward or backward in one call of a kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from rnnx.arrays import Array, Params, State
from rnnx.contracts.buffers import Scratch, flat_buffer
from rnnx_builtin.kernels.rnn import bound, gru_reset_after, gru_reset_before
from rnnx_builtin.kernels.rnn.gru_buffers import Backward, Forward
from rnnx_builtin.kernels.rnn.joined import Given, Joined, join
from rnnx_builtin.kernels.rnn.packing import find_valid, take_valid
from rnnx_builtin.kernels.rnn.sequence import input_gradient, prepare_input, states_for
from rnnx_builtin.kernels.rnn.workspace import (
    Cache,
    Workspace,
    run_backward,
    run_forward,
    step_array,
)
from rnnx_builtin.kernels.simd import gemm
from rnnx_builtin.kernels.simd.blas import matmul
from rnnx_builtin.kernels.simd.work_queue import queue_for


def _workspace(scratch: Scratch, n_a: int, T: int, B: int, dtype: Any, threads: int) -> Workspace:
    units = gemm.units_for(n_a, 3, B, dtype, threads)
    n_p, states = units.padded, states_for(scratch, n_a, T, B, dtype)
    array = partial(step_array, scratch, B, dtype)
    kept = Forward(
        h_flat=states.flat,
        hs=array("hs", T + 1, n_p),
        gates=array("gates", T, gemm.padded_rows(3 * n_p, B)),
        inner=array("inner", T, n_p),
        q=array("q", gemm.padded_rows(n_p, B)),
    )
    return Workspace(threads, units, queue_for(scratch), states, kept)


def _weights(
    params: Params, B: int, units: gemm.Units, threads: int, scratch: Scratch
) -> tuple[Array, Array]:
    """All of Wh and bn, or the rows of Wh for r and z, and those for n."""
    Wh, n_a = params["Wh"], params["Wh"].shape[1]
    if "bn" in params:
        return gemm.pack_weights("Wh_packed", Wh, 3, B, units, threads, scratch), params["bn"]
    return (
        gemm.pack_weights("Wh_packed", Wh[: 2 * n_a], 2, B, units, threads, scratch),
        gemm.pack_weights("Whn_packed", Wh[2 * n_a :], 1, B, units, threads, scratch),
    )


def _weights_back(
    params: Params, B: int, units: gemm.Units, threads: int, scratch: Scratch
) -> tuple[Array, ...]:
    """The transpose of all of Wh, or those of its rows for r and z, and of those for n."""
    Wh, n_a = params["Wh"], params["Wh"].shape[1]
    if "bn" in params:
        return (gemm.pack_transposed_weights("WhT_packed", Wh, 3, B, units, threads, scratch),)
    return (
        gemm.pack_transposed_weights("WhT_packed", Wh[: 2 * n_a], 2, B, units, threads, scratch),
        gemm.pack_transposed_weights("WhnT_packed", Wh[2 * n_a :], 1, B, units, threads, scratch),
    )


def _buffers(scratch: Scratch, units: gemm.Units, n_a: int, T: int, B: int, dtype: Any) -> Backward:
    n_p, array = units.padded, partial(step_array, scratch, B, dtype)
    return Backward(
        dz_flat=flat_buffer("dz_flat", 3 * n_a, T * B, dtype, scratch),
        n_flat=flat_buffer("n_flat", n_a, T * B, dtype, scratch),
        dz=array("dz_t", 2, 3 * n_p),
        direct=array("direct", n_p),
        dn=array("dn_t", n_p),
        back=array("back_h", gemm.padded_rows(n_p, B)),
        d_inner=array("d_inner", gemm.padded_rows(n_p, B)),
    )


def _gradients(
    params: Params, cache: Cache, dz_flat: Array, n_flat: Array, scratch: Scratch
) -> tuple[Params, Array | None]:
    T, B, n_a = len(cache.x.ids), len(cache.x.ends), params["Wh"].shape[1]
    dtype = dz_flat.dtype
    dWx, db, dx = input_gradient(params["Wx"], cache.x, dz_flat, cache.space.threads, scratch)
    valid, states = find_valid(cache.lengths, T, B, scratch), cache.space.states
    dz = take_valid(dz_flat, valid, T * B, "dz_valid", scratch)
    beside = take_valid(n_flat, valid, T * B, "n_valid", scratch)
    before = take_valid(states.flat, valid, T * B, "before_valid", scratch).T
    dWh = scratch.array("dWh", (3 * n_a, n_a), dtype)
    dparams = {"Wx": dWx, "Wh": dWh, "b": db}
    matmul(dz[: 2 * n_a], before, dWh[: 2 * n_a], cache.space.threads)
    if "bn" in params:
        matmul(beside, before, dWh[2 * n_a :], cache.space.threads)
        dbn = scratch.array("dbn", (n_a, 1), dtype)
        dparams["bn"] = np.sum(beside, axis=1, keepdims=True, out=dbn)
    else:
        matmul(dz[2 * n_a :], beside.T, dWh[2 * n_a :], cache.space.threads)
    return dparams, dx


@dataclass(frozen=True)
class CompiledGRU:
    """The GRU in compiled kernels, for so many threads."""

    threads: int

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Any]:
        """``Cell.forward``."""
        (n_a, B), T, dtype = state[0].shape, len(x), params["Wh"].dtype
        space = scratch.plan(_workspace, n_a, T, B, dtype, self.threads)
        given = prepare_input(params["Wx"], params["b"], x, lengths, self.threads, scratch)
        loop = gru_reset_after.forward if "bn" in params else gru_reset_before.forward
        weights = _weights(params, B, space.units, self.threads, scratch)
        final = run_forward(loop, space, given, state, *weights)
        return space.states.h, final, Cache(given, space, lengths)

    def backward(
        self, params: Params, cache: Any, dh: Array, dstate: State | None, scratch: Scratch
    ) -> tuple[Params, Array | None, State]:
        """``Cell.backward``."""
        (T, n_a, B), dtype, units = dh.shape, dh.dtype, cache.space.units
        own = scratch.plan(_buffers, units, n_a, T, B, dtype)
        loop = gru_reset_after.backward if "bn" in params else gru_reset_before.backward
        weights = _weights_back(params, B, units, self.threads, scratch)
        dstate = dstate or (np.zeros((n_a, B), dtype),)
        dstate0 = run_backward(loop, cache, own, dh, dstate, scratch, *weights)
        grads, dx = _gradients(params, cache, own.dz_flat, own.n_flat, scratch)
        return grads, dx, dstate0

    def joined(
        self, head: Any, of_cell: Given, of_head: Given, drops: bool, flat: Array
    ) -> Joined | None:
        """``JoiningForm.joined``."""
        return join(self, head, of_cell, of_head, drops, flat)

    def loops(self, params: Params, T: int, B: int, scratch: Scratch) -> bound.BoundLoops:
        """Both loops with what they take."""
        Wh, n_a = params["Wh"], params["Wh"].shape[1]
        space = scratch.plan(_workspace, n_a, T, B, Wh.dtype, self.threads)
        own = scratch.plan(_buffers, space.units, n_a, T, B, Wh.dtype)
        resets_after, given = "bn" in params, (B, space.units, scratch)
        module = gru_reset_after if resets_after else gru_reset_before
        parts = [("Wh", Wh, 3)]
        if not resets_after:
            parts = [("Wh", Wh[: 2 * n_a], 2), ("Whn", Wh[2 * n_a :], 1)]
        both = [bound.packings(*part, *given) for part in parts]
        packs, packs_back = (tuple(ways) for ways in zip(*both, strict=True))
        weights, weights_back = (tuple(p.packed for p in some) for some in (packs, packs_back))
        if resets_after:
            weights = *weights, params["bn"]
        ways = (
            bound.Pass(module.forward, packs, weights),
            bound.Pass(module.backward, packs_back, weights_back),
        )
        flats = own.dz_flat, own.n_flat, space.states.flat
        products = _products_after(n_a) if resets_after else _products_before(n_a)
        finish = partial(_sum_bn, scratch) if resets_after else None
        return bound.BoundLoops(space, 1, tuple(own), ways, flats, products, finish)


def _products_after(n_a: int) -> Array:
    """dWh of r and z is dz·hᵀ, that of n (dn·r)·hᵀ: of dz, dn·r and h."""
    return bound.products(bound.Product(0, 0, 2 * n_a, 2, 0), bound.Product(1, 0, n_a, 2, 2 * n_a))


def _products_before(n_a: int) -> Array:
    """dWh of r and z is dz·hᵀ, that of n dn·(r ⊙ h)ᵀ: of dz, r ⊙ h and h."""
    return bound.products(
        bound.Product(0, 0, 2 * n_a, 2, 0), bound.Product(0, 2 * n_a, 3 * n_a, 1, 2 * n_a)
    )


def _sum_bn(scratch: Scratch, flats: Sequence[Array]) -> None:
    dbn = scratch.array("dbn", (len(flats[1]), 1), flats[1].dtype)
    np.sum(flats[1], axis=1, keepdims=True, out=dbn)
