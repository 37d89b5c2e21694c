"""The compiled vanilla cell: a whole sequence forward or backward in one call of a kernel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from rnnx.arrays import Array, Params, State
from rnnx.contracts.buffers import Scratch, flat_buffer
from rnnx_builtin.kernels.rnn import bound, vanilla_loops
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
    units = gemm.units_for(n_a, 1, B, dtype, threads)
    states, rows = states_for(scratch, n_a, T, B, dtype), gemm.padded_rows(units.padded, B)
    hs = step_array(scratch, B, dtype, "hs", T + 1, rows)
    return Workspace(
        threads, units, queue_for(scratch), states, vanilla_loops.Forward(states.flat, hs)
    )


def _buffers(
    scratch: Scratch, units: gemm.Units, n_a: int, T: int, B: int, dtype: Any
) -> vanilla_loops.Backward:
    n_p, array = units.padded, partial(step_array, scratch, B, dtype)
    return vanilla_loops.Backward(
        dz_flat=flat_buffer("dz_flat", n_a, T * B, dtype, scratch),
        dz=array("dz_t", 2, n_p),
        back=array("back_h", gemm.padded_rows(n_p, B)),
    )


@dataclass(frozen=True)
class CompiledVanilla:
    """The vanilla cell in compiled kernels, for so many threads."""

    threads: int
    relu: bool

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Any]:
        """``Cell.forward``."""
        (n_a, B), T, Wh = state[0].shape, len(x), params["Wh"]
        space = scratch.plan(_workspace, n_a, T, B, Wh.dtype, self.threads)
        given = prepare_input(params["Wx"], params["b"], x, lengths, self.threads, scratch)
        Wh = gemm.pack_weights("Wh_packed", Wh, 1, B, space.units, self.threads, scratch)
        final = run_forward(vanilla_loops.forward, space, given, state, Wh, self.relu)
        return space.states.h, final, Cache(given, space, lengths)

    def backward(
        self,
        params: Params,
        cache: Any,
        dh: Array,
        dstate: State | None,
        scratch: Scratch,
    ) -> tuple[Params, Array | None, State]:
        """``Cell.backward``."""
        (T, n_a, B), dtype, units = dh.shape, dh.dtype, cache.space.units
        own = scratch.plan(_buffers, units, n_a, T, B, dtype)
        WhT = gemm.pack_transposed_weights(
            "WhT_packed", params["Wh"], 1, B, units, self.threads, scratch
        )
        dstate = dstate or (np.zeros((n_a, B), dtype),)
        dstate0 = run_backward(
            vanilla_loops.backward, cache, own, dh, dstate, scratch, WhT, self.relu
        )
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
        n_a, dtype = len(Wh), Wh.dtype
        space = scratch.plan(_workspace, n_a, T, B, dtype, self.threads)
        own = scratch.plan(_buffers, space.units, n_a, T, B, dtype)
        W, WT = bound.packings("Wh", Wh, 1, B, space.units, scratch)
        ways = (
            bound.Pass(vanilla_loops.forward, (W,), (W.packed, self.relu)),
            bound.Pass(vanilla_loops.backward, (WT,), (WT.packed, self.relu)),
        )
        return bound.one_product(space, 1, own, ways, own.dz_flat, space.states.flat)
