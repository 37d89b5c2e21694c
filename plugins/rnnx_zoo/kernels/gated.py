"""The compiled form of the gated cells: one driver, to which a cell adds its two time loops.

The loops of a cell are a module with

    STATES               how many arrays the state has
    BLOCKS               the blocks of z
    GROUPS               of Wh: how many blocks are packed as one product each, in order
    kept(of, h_flat)     the buffers that ``forward`` fills and ``backward`` reads, h_flat first
    buffers(of)          those of ``backward``, dz_flat first
    forward, backward    the kernels, called as those of rnnx_builtin.kernels.rnn
    met(kept)            what each group is multiplied with, (n_a, ≥ T·B), None: h⟨t−1⟩
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array, Params, State
from rnnx.contracts.buffers import Scratch, flat_buffer
from rnnx_builtin.kernels.rnn.packing import find_valid, take_valid
from rnnx_builtin.kernels.rnn.sequence import Input, input_gradient, prepare_input, states_for
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


class GatedCache(NamedTuple):
    """What the backward pass of a sequence needs."""

    run: Cache
    projected: Any  # what ``_input`` kept


class Sizes(NamedTuple):
    """For what a loop makes its buffers."""

    scratch: Scratch
    units: gemm.Units
    n_a: int
    T: int
    B: int
    dtype: Any

    def steps(self, name: str, *shape: int) -> Array:
        """(\\*shape, B_p), the last of ``shape`` rows."""
        return step_array(self.scratch, self.B, self.dtype, name, *shape)

    def product(self, name: str, rows: int, *shape: int) -> Array:
        """The same with room for a product's whole panels."""
        return self.steps(name, *shape, gemm.padded_rows(rows, self.B))

    def flat(self, name: str, rows: int) -> Array:
        """(rows, ≥ T·B)."""
        return flat_buffer(name, rows, self.T * self.B, self.dtype, self.scratch)


def _workspace(
    scratch: Scratch, loops: Any, n_a: int, T: int, B: int, dtype: Any, threads: int
) -> Workspace:
    units = gemm.units_for(n_a, loops.BLOCKS, B, dtype, threads)
    states = states_for(scratch, n_a, T, B, dtype)
    kept = loops.kept(Sizes(scratch, units, n_a, T, B, dtype), states.flat)
    return Workspace(threads, units, queue_for(scratch), states, kept)


def _buffers(
    scratch: Scratch, loops: Any, units: gemm.Units, n_a: int, T: int, B: int, dtype: Any
) -> tuple[Array, ...]:
    found: tuple[Array, ...] = loops.buffers(Sizes(scratch, units, n_a, T, B, dtype))
    return found


@dataclass(frozen=True)
class CompiledGated:
    """A cell's loops, for so many threads."""

    threads: int
    loops: Any
    settings: tuple[float, ...] = ()
    """Numbers that both kernels take behind the weights."""

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Any]:
        """``Cell.forward``."""
        (n_a, B), T, Wx = state[0].shape, len(x), params["Wx"]
        space = scratch.plan(_workspace, self.loops, n_a, T, B, Wx.dtype, self.threads)
        given, projected = self._input(params, x, lengths, scratch)
        weights = self._packed(gemm.pack_weights, "Wh", params, B, space.units, scratch)
        more = self._more(params, space.units, B, scratch)
        final = run_forward(self.loops.forward, space, given, state, *weights, *more)
        return space.states.h, final, GatedCache(Cache(given, space, lengths), projected)

    def backward(
        self, params: Params, cache: Any, dh: Array, dstate: State | None, scratch: Scratch
    ) -> tuple[Params, Array | None, State]:
        """``Cell.backward``."""
        (T, n_a, B), dtype, units = dh.shape, dh.dtype, cache.run.space.units
        own = scratch.plan(_buffers, self.loops, units, n_a, T, B, dtype)
        pack = gemm.pack_transposed_weights
        weights = self._packed(pack, "WhT", params, B, units, scratch)
        more = self._more(params, units, B, scratch)
        zero = np.zeros((n_a, B), dtype)
        dstate = dstate or (zero,) * self.loops.STATES
        dstate0 = run_backward(
            self.loops.backward, cache.run, own, dh, dstate, scratch, *weights, *more
        )
        dparams, dx = self._gradients(params, cache, own, scratch)
        return dparams, dx, dstate0

    def _packed(
        self, pack: Any, name: str, params: Params, B: int, units: gemm.Units, scratch: Scratch
    ) -> list[Array]:
        """The groups of Wh, packed."""
        Wh, stop, found = params["Wh"], 0, []
        n_a = Wh.shape[1]
        for blocks in self.loops.GROUPS:
            start, stop = stop, stop + blocks * n_a
            where = f"{name}_packed{start}"
            found.append(pack(where, Wh[start:stop], blocks, B, units, self.threads, scratch))
        return found

    def _input(
        self, params: Params, x: Array, lengths: Array | None, scratch: Scratch
    ) -> tuple[Input, Any]:
        """z as a table of rows, and what the cache is to keep of it."""
        return prepare_input(params["Wx"], params["b"], x, lengths, self.threads, scratch), None

    def _more(self, params: Params, units: gemm.Units, B: int, scratch: Scratch) -> tuple[Any, ...]:
        return self.settings

    def _gradients(
        self, params: Params, cache: GatedCache, own: tuple[Array, ...], scratch: Scratch
    ) -> tuple[Params, Array | None]:
        dz_flat, x = own[0], cache.run.x
        dWx, db, dx = input_gradient(params["Wx"], x, dz_flat, self.threads, scratch)
        dWh = self._recurrent_gradient(params["Wh"], cache, dz_flat, scratch)
        return {"Wx": dWx, "Wh": dWh, "b": db}, dx

    def _recurrent_gradient(
        self, Wh: Array, cache: GatedCache, d_products: Array, scratch: Scratch
    ) -> Array:
        """dWh from the gradient by its products, (rows of Wh, ≥ T·B)."""
        space, stop = cache.run.space, 0
        dWh = scratch.array("dWh", Wh.shape, Wh.dtype)
        for blocks, met in zip(self.loops.GROUPS, self.loops.met(space.kept), strict=True):
            start, stop = stop, stop + blocks * Wh.shape[1]
            below = space.states.flat if met is None else met
            self._sum_products(d_products[start:stop], below, cache, dWh[start:stop], scratch)
        return dWh

    def _sum_products(
        self, dz: Array, below: Array, cache: GatedCache, out: Array, scratch: Scratch
    ) -> None:
        """Fill ``out`` with Σ dz·belowᵀ over all valid steps, from (·, ≥ T·B) each."""
        x, _, lengths = cache.run
        T, B = len(x.ids), len(x.ends)
        valid = find_valid(lengths, T, B, scratch)
        dz = take_valid(dz, valid, T * B, "dz_valid", scratch)
        below = take_valid(below, valid, T * B, "below_valid", scratch)
        matmul(dz, below.T, out, self.threads)


def in_every_column(
    name: str, values: Array, blocks: int, units: gemm.Units, B: int, scratch: Scratch
) -> Array:
    """(blocks · n_a, 1) → (blocks · n_p, B_p), 0 in the padded units: read as a gate is."""
    wide = step_array(scratch, B, values.dtype, name, blocks, units.padded)
    wide[:] = 0
    wide[:, : len(values) // blocks] = values.reshape(blocks, -1, 1)
    return wide.reshape(blocks * units.padded, -1)


def over_columns(columns: Array, name: str, blocks: int, n_a: int, scratch: Scratch) -> Array:
    """(blocks · n_p, B_p) → its sums (blocks · n_a, 1)."""
    out = scratch.array(name, (blocks * n_a, 1), columns.dtype)
    by_unit = columns.reshape(blocks, len(columns) // blocks, -1)[:, :n_a]
    np.sum(by_unit, axis=2, out=out.reshape(blocks, n_a))
    return out
