"""The compiled forms of UGRNN, JANET, nBRC, the LSTM of 1997 and coRNN: one loop for all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnx.arrays import Array, Params, State
from rnnx.contracts.buffers import Scratch
from rnnx_builtin.kernels.simd import gemm
from rnnx_zoo.kernels import one_phase_loops as loops
from rnnx_zoo.kernels.gated import CompiledGated, GatedCache

UGRNN = loops.OnePhase(loops.UGRNN, BLOCKS=2, products=2, rows=2)
JANET = loops.OnePhase(loops.JANET, BLOCKS=2, products=2, rows=3)
NBRC = loops.OnePhase(loops.NBRC, BLOCKS=3, products=2, rows=3)
LSTM_1997 = loops.OnePhase(loops.LSTM_1997, BLOCKS=3, products=3, rows=4, STATES=2)
CORNN = loops.OnePhase(loops.CORNN, BLOCKS=1, products=1, rows=1, STATES=2)


@dataclass(frozen=True)
class CompiledOnePhase(CompiledGated):
    """The driver; ``settings`` are up to three numbers of the cell's own."""

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Any]:
        """``Cell.forward``."""
        h, final, cache = super().forward(params, x, _two(state), lengths, scratch)
        return h, final[: self.loops.STATES], cache

    def backward(
        self, params: Params, cache: Any, dh: Array, dstate: State | None, scratch: Scratch
    ) -> tuple[Params, Array | None, State]:
        """``Cell.backward``."""
        zero = np.zeros(dh.shape[1:], dh.dtype)
        dstate = _two(dstate or (zero,) * self.loops.STATES)
        dparams, dx, d_start = super().backward(params, cache, dh, dstate, scratch)
        return dparams, dx, d_start[: self.loops.STATES]

    def _packed(
        self, pack: Any, name: str, params: Params, B: int, units: gemm.Units, scratch: Scratch
    ) -> list[Array]:
        """Wh and coRNN's Wz, or Wh again."""
        found = super()._packed(pack, name, params, B, units, scratch)
        if "Wz" not in params:
            return found * 2
        second = pack(f"{name}_z", params["Wz"], 1, B, units, self.threads, scratch)
        return [*found, second]

    def _more(self, params: Params, units: gemm.Units, B: int, scratch: Scratch) -> tuple[Any, ...]:
        loops, numbers = self.loops, (*self.settings, 0.0, 0.0, 0.0)[:3]
        return ((loops.kind, loops.BLOCKS, loops.products, numbers),)

    def _gradients(
        self, params: Params, cache: GatedCache, own: tuple[Array, ...], scratch: Scratch
    ) -> tuple[Params, Array | None]:
        dparams, dx = super()._gradients(params, cache, own, scratch)
        if "Wz" in params:
            dparams["Wz"] = scratch.array("dWz", params["Wz"].shape, params["Wz"].dtype)
            z_flat = loops.Forward(*cache.run.space.kept).z_flat
            self._sum_products(own[0], z_flat, cache, dparams["Wz"], scratch)
        return dparams, dx


def _two(state: State) -> State:
    """A state of two arrays: the second without units where a cell has one."""
    return state if len(state) == 2 else (*state, state[0][:0])
