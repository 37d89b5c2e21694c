"""The compiled LSTM with peepholes: what p needs beyond the driver."""

from __future__ import annotations

from typing import Any

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Scratch
from rnnx_builtin.kernels.simd import gemm
from rnnx_zoo.kernels.gated import CompiledGated, GatedCache, in_every_column, over_columns
from rnnx_zoo.kernels.peephole_loops import Backward


class CompiledPeepholeLSTM(CompiledGated):
    """The driver with p."""

    def _more(self, params: Params, units: gemm.Units, B: int, scratch: Scratch) -> tuple[Any, ...]:
        return (in_every_column("p_columns", params["p"], 3, units, B, scratch),)

    def _gradients(
        self, params: Params, cache: GatedCache, own: tuple[Array, ...], scratch: Scratch
    ) -> tuple[Params, Array | None]:
        dparams, dx = super()._gradients(params, cache, own, scratch)
        n_a = params["Wh"].shape[1]
        return dparams | {"p": over_columns(Backward(*own).dp, "dp", 3, n_a, scratch)}, dx
