"""The compiled vanilla cell: a whole sequence forward or backward in one call of a kernel."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from rnnx.arrays import Array, Params, State
from rnnx.contracts.scratch import Scratch
from rnnx_builtin.kernels.rnn import vanilla_loops
from rnnx_builtin.kernels.rnn.sequence import flat_buffer, prepare_input, states_for
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


def _workspace(scratch: Scratch, n_a: int, T: int, B: int, dtype: Any) -> Workspace:
    units = gemm.units_for(n_a, 1, B, dtype, scratch.threads)
    states, rows = states_for(scratch, n_a, T, B, dtype), gemm.padded_rows(units.padded, B)
    hs = step_array(scratch, B, dtype, "hs", T + 1, rows)
    return Workspace(units, queue_for(scratch), states, vanilla_loops.Forward(states.flat, hs))


def forward(
    params: Params, x: Array, state: State, lengths: Array | None, relu: bool, scratch: Scratch
) -> tuple[Array, State, Any]:
    """Vanilla.forward."""
    (n_a, B), T, Wh = state[0].shape, len(x), params["Wh"]
    space = scratch.plan(_workspace, n_a, T, B, Wh.dtype)
    given = prepare_input(params["Wx"], params["b"], x, lengths, scratch)
    Wh = gemm.pack_weights("Wh_packed", Wh, 1, B, space.units, scratch)
    final = run_forward(vanilla_loops.forward, space, given, state, scratch, Wh, relu)
    return space.states.h, final, Cache(given, space, lengths)


def _buffers(
    scratch: Scratch, units: gemm.Units, n_a: int, T: int, B: int, dtype: Any
) -> vanilla_loops.Backward:
    n_p, array = units.padded, partial(step_array, scratch, B, dtype)
    return vanilla_loops.Backward(
        dz_flat=flat_buffer("dz_flat", n_a, T * B, dtype, scratch),
        dz=array("dz_t", 2, n_p),
        back=array("back_h", gemm.padded_rows(n_p, B)),
    )


def backward(
    params: Params,
    cache: Any,
    dh: Array,
    dstate: State | None,
    relu: bool,
    scratch: Scratch,
) -> tuple[Params, Array | None, State]:
    """Vanilla.backward."""
    (T, n_a, B), dtype, units = dh.shape, dh.dtype, cache.space.units
    own = scratch.plan(_buffers, units, n_a, T, B, dtype)
    WhT = gemm.pack_transposed_weights("WhT_packed", params["Wh"], 1, B, units, scratch)
    dstate = dstate or (np.zeros((n_a, B), dtype),)
    dstate0 = run_backward(vanilla_loops.backward, cache, own, dh, dstate, scratch, WhT, relu)
    grads, dx = weight_gradients(params["Wx"], cache, own.dz_flat, scratch)
    return grads, dx, dstate0
