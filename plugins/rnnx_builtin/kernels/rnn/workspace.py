"""The buffers of a sequence, and the calls of a cell's two time loops.

Numba takes a plain tuple of arrays almost as fast as the arrays one by one, but a named tuple costs
1.3 µs a call. So ``tuple(…)`` drops the names here, and a loop restores them, once, before its
first task: reading a field inside the loop would count references every time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array, Params, State
from rnnx.contracts.buffers import Scratch
from rnnx_builtin.kernels.rnn.packing import recurrent_gradient
from rnnx_builtin.kernels.rnn.sequence import Input, States, as_flat_steps, input_gradient
from rnnx_builtin.kernels.simd.gemm import Units, padded_columns
from rnnx_builtin.kernels.simd.work_queue import run_loop

Loop = Callable[..., None]


class Workspace(NamedTuple):
    """The buffers of a sequence of one size, which the next sequence of that size reuses."""

    threads: int
    units: Units
    queue: Array
    states: States
    kept: tuple[Array, ...]  # a loop's Forward: what the backward pass reads


class Cache(NamedTuple):
    """What the backward pass of a sequence needs."""

    x: Input
    space: Workspace
    lengths: Array | None  # (B,)


def step_array(scratch: Scratch, B: int, dtype: Any, name: str, *shape: int) -> Array:
    """The buffer ``name``, (\\*shape, B_p)."""
    return scratch.array(name, (*shape, padded_columns(B, dtype)), dtype)


def run_forward(loop: Loop, space: Workspace, x: Input, state: State, *weights: Any) -> State:
    """Run a loop ``forward`` from ``state``; the final state."""
    start = tuple(map(np.ascontiguousarray, state))
    final = tuple(map(np.empty_like, start))
    arguments = tuple(space.kept), (x.table, x.ids, x.ends), *weights, start, final
    run_loop(loop, space.threads, space.queue, space.units, *arguments)
    return final


def run_backward(
    loop: Loop,
    cache: Cache,
    own: tuple[Array, ...],
    dh: Array,
    dstate: State,
    scratch: Scratch,
    *weights: Any,
) -> State:
    """Run a loop ``backward``, ``own`` its buffers; the gradient of the initial state."""
    space, d_final = cache.space, tuple(map(np.ascontiguousarray, dstate))
    d_start = tuple(map(np.empty_like, d_final))
    gradients = as_flat_steps(dh, scratch), d_final, d_start
    arguments = tuple(space.kept), tuple(own), cache.x.ends, *weights, *gradients
    run_loop(loop, space.threads, space.queue, space.units, *arguments)
    return d_start


def weight_gradients(
    Wx: Array, cache: Cache, dz_flat: Array, scratch: Scratch
) -> tuple[Params, Array | None]:
    """``{dWx, dWh, db}, dx`` of a cell whose dz (n, ≥ T·B) is the gradient by all its sums."""
    dWx, db, dx = input_gradient(Wx, cache.x, dz_flat, cache.space.threads, scratch)
    dWh = recurrent_gradient(
        dz_flat, cache.space.states, cache.lengths, cache.space.threads, scratch
    )
    return {"Wx": dWx, "Wh": dWh, "b": db}, dx
