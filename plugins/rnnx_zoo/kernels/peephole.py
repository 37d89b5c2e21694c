"""The compiled LSTM with peepholes: what p needs beyond the driver."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Scratch
from rnnx_builtin.kernels.rnn.workspace import Cache, step_array
from rnnx_builtin.kernels.simd import gemm
from rnnx_zoo.kernels.gated import CompiledGated
from rnnx_zoo.kernels.peephole_loops import Backward


class CompiledPeepholeLSTM(CompiledGated):
    """p is in every column for the kernels, so that they read it as they read a gate."""

    def _more(self, params: Params, units: gemm.Units, B: int, scratch: Scratch) -> tuple[Any, ...]:
        p, n_p = params["p"], units.padded
        wide = step_array(scratch, B, p.dtype, "p_columns", 3, n_p)
        wide[:] = 0
        wide[:, : len(p) // 3] = p.reshape(3, -1, 1)
        return (wide.reshape(3 * n_p, -1),)

    def _gradients(
        self, params: Params, cache: Cache, own: tuple[Array, ...], scratch: Scratch
    ) -> tuple[Params, Array | None]:
        dparams, dx = super()._gradients(params, cache, own, scratch)
        p, columns = params["p"], Backward(*own).dp
        n_a, n_p = len(p) // 3, len(columns) // 3
        dp = scratch.array("dp", p.shape, p.dtype)
        by_unit = columns.reshape(3, n_p, -1)[:, :n_a]
        np.sum(by_unit, axis=2, out=dp.reshape(3, n_a))
        return dparams | {"p": dp}, dx
