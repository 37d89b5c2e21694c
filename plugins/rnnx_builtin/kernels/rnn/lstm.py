"""The compiled LSTM: a whole sequence forward or backward in one call of a kernel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from rnnx.arrays import Array, Params, State
from rnnx.contracts.buffers import Scratch, flat_buffer
from rnnx_builtin.kernels.rnn import bound, lstm_loops
from rnnx_builtin.kernels.rnn.joined import Given, Joined, join
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


def _workspace(scratch: Scratch, n_a: int, T: int, B: int, dtype: Any, threads: int) -> Workspace:
    units = gemm.units_for(n_a, 4, B, dtype, threads)
    n_p, states = units.padded, states_for(scratch, n_a, T, B, dtype)
    array = partial(step_array, scratch, B, dtype)
    kept = lstm_loops.Forward(
        h_flat=states.flat,
        hs=array("hs", 2, n_p),
        cs=array("cs", T + 1, n_p),
        gates=array("gates", T, gemm.padded_rows(4 * n_p, B)),
        tanh_c=array("tanh_c", T, n_p),
    )
    return Workspace(threads, units, queue_for(scratch), states, kept)


def _buffers(
    scratch: Scratch, units: gemm.Units, n_a: int, T: int, B: int, dtype: Any
) -> lstm_loops.Backward:
    n_p, array = units.padded, partial(step_array, scratch, B, dtype)
    return lstm_loops.Backward(
        dz_flat=flat_buffer("dz_flat", 4 * n_a, T * B, dtype, scratch),
        dz=array("dz_t", 2, 4 * n_p),
        dh_t=array("dh_t", n_p),
        back_h=array("back_h", gemm.padded_rows(n_p, B)),
        back_c=array("back_c", n_p),
    )


@dataclass(frozen=True)
class CompiledLSTM:
    """The LSTM in compiled kernels, for so many threads."""

    threads: int

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Any]:
        """``Cell.forward``."""
        (n_a, B), T, Wh = state[0].shape, len(x), params["Wh"]
        space = scratch.plan(_workspace, n_a, T, B, Wh.dtype, self.threads)
        given = prepare_input(params["Wx"], params["b"], x, lengths, self.threads, scratch)
        Wh = gemm.pack_weights("Wh_packed", Wh, 4, B, space.units, self.threads, scratch)
        final = run_forward(lstm_loops.forward, space, given, state, Wh)
        return space.states.h, final, Cache(given, space, lengths)

    def backward(
        self, params: Params, cache: Any, dh: Array, dstate: State | None, scratch: Scratch
    ) -> tuple[Params, Array | None, State]:
        """``Cell.backward``."""
        (T, n_a, B), dtype, units = dh.shape, dh.dtype, cache.space.units
        own = scratch.plan(_buffers, units, n_a, T, B, dtype)
        WhT = gemm.pack_transposed_weights(
            "WhT_packed", params["Wh"], 4, B, units, self.threads, scratch
        )
        dstate = dstate or (np.zeros((n_a, B), dtype),) * 2
        dstate0 = run_backward(lstm_loops.backward, cache, own, dh, dstate, scratch, WhT)
        grads, dx = weight_gradients(params["Wx"], cache, own.dz_flat, scratch)
        return grads, dx, dstate0

    def joined(
        self, head: Any, of_cell: Given, of_head: Given, drops: bool, flat: Array
    ) -> Joined | None:
        """``JoiningForm.joined``."""
        return join(self, head, of_cell, of_head, drops, flat)

    def loops(self, params: Params, T: int, B: int, scratch: Scratch) -> bound.BoundLoops:
        """Both loops with what they take."""
        Wh = params["Wh"]
        n_a, dtype = Wh.shape[1], Wh.dtype
        space = scratch.plan(_workspace, n_a, T, B, dtype, self.threads)
        own = scratch.plan(_buffers, space.units, n_a, T, B, dtype)
        W, WT = bound.packings("Wh", Wh, 4, B, space.units, scratch)
        ways = (
            bound.Pass(lstm_loops.forward, (W,), (W.packed,)),
            bound.Pass(lstm_loops.backward, (WT,), (WT.packed,)),
        )
        return bound.one_product(space, 2, own, ways, own.dz_flat, space.states.flat)
