"""The compiled sLSTM: a whole sequence forward or backward in one call of a kernel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from rnnx.arrays import Array, Params, State
from rnnx.contracts.buffers import Scratch, flat_buffer
from rnnx_builtin.kernels.rnn.sequence import prepare_input, states_for
from rnnx_builtin.kernels.rnn.workspace import (
    Cache,
    Workspace,
    run_backward,
    run_forward,
    step_array,
    weight_gradients,
)
from rnnx_builtin.kernels.simd import gemm
from rnnx_builtin.kernels.simd.work_queue import queue_for
from rnnx_zoo.kernels import slstm_loops


def _workspace(scratch: Scratch, n_a: int, T: int, B: int, dtype: Any, threads: int) -> Workspace:
    units = gemm.units_for(n_a, 4, B, dtype, threads)
    n_p, states = units.padded, states_for(scratch, n_a, T, B, dtype)
    array = partial(step_array, scratch, B, dtype)
    kept = slstm_loops.Forward(
        h_flat=states.flat,
        hs=array("hs", 2, n_p),
        cs=array("cs", T + 1, n_p),
        ns=array("ns", T + 1, n_p),
        ms=array("ms", 2, n_p),
        gates=array("gates", T, gemm.padded_rows(4 * n_p, B)),
        opened=array("opened", T, n_p),
    )
    return Workspace(threads, units, queue_for(scratch), states, kept)


def _buffers(
    scratch: Scratch, units: gemm.Units, n_a: int, T: int, B: int, dtype: Any
) -> slstm_loops.Backward:
    n_p, array = units.padded, partial(step_array, scratch, B, dtype)
    return slstm_loops.Backward(
        dz_flat=flat_buffer("dz_flat", 4 * n_a, T * B, dtype, scratch),
        dz=array("dz_t", 2, 4 * n_p),
        dh_t=array("dh_t", n_p),
        back_h=array("back_h", gemm.padded_rows(n_p, B)),
        back_c=array("back_c", n_p),
        back_n=array("back_n", n_p),
        back_m=array("back_m", n_p),
    )


@dataclass(frozen=True)
class CompiledSLSTM:
    """sLSTM in compiled kernels, for so many threads."""

    threads: int

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Any]:
        """``Cell.forward``."""
        (n_a, B), T, Wh = state[0].shape, len(x), params["Wh"]
        h0, c0, n0, m0 = state
        space = scratch.plan(_workspace, n_a, T, B, Wh.dtype, self.threads)
        given = prepare_input(params["Wx"], params["b"], x, lengths, self.threads, scratch)
        Wh = gemm.pack_weights("Wh_packed", Wh, 4, B, space.units, self.threads, scratch)
        start = h0, c0, np.abs(n0), m0
        h, c, n, m = run_forward(slstm_loops.forward, space, given, start, Wh)
        empty = given.ends == 0
        n[:, empty] = n0[:, empty]
        cache = Cache(given, space, lengths), np.where(empty, 1, np.sign(n0)).astype(n.dtype)
        return space.states.h, (h, c, n, m), cache

    def backward(
        self, params: Params, cache: Any, dh: Array, dstate: State | None, scratch: Scratch
    ) -> tuple[Params, Array | None, State]:
        """``Cell.backward``."""
        (T, n_a, B), dtype, (known, sign) = dh.shape, dh.dtype, cache
        units = known.space.units
        own = scratch.plan(_buffers, units, n_a, T, B, dtype)
        WhT = gemm.pack_transposed_weights(
            "WhT_packed", params["Wh"], 4, B, units, self.threads, scratch
        )
        dstate = dstate or (np.zeros((n_a, B), dtype),) * 4
        dh0, dc0, dn0, dm0 = run_backward(
            slstm_loops.backward, known, own, dh, dstate, scratch, WhT
        )
        grads, dx = weight_gradients(params["Wx"], known, own.dz_flat, scratch)
        return grads, dx, (dh0, dc0, dn0 * sign, dm0)
