"""The compiled sLSTM: what the sign of the normaliser n needs beyond the driver."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnx.arrays import Array, Params, State
from rnnx.contracts.buffers import Scratch
from rnnx_zoo.kernels.gated import CompiledGated


class CompiledSLSTM(CompiledGated):
    """The driver, with |n| at the beginning."""

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Any]:
        """``Cell.forward``."""
        h0, c0, n0, m0 = state
        start = h0, c0, np.abs(n0), m0
        all_h, (h, c, n, m), known = super().forward(params, x, start, lengths, scratch)
        empty = known.run.x.ends == 0
        n[:, empty] = n0[:, empty]
        sign = np.where(empty, 1, np.sign(n0)).astype(n.dtype)
        return all_h, (h, c, n, m), (known, sign)

    def backward(
        self, params: Params, cache: Any, dh: Array, dstate: State | None, scratch: Scratch
    ) -> tuple[Params, Array | None, State]:
        """``Cell.backward``."""
        known, sign = cache
        grads, dx, (dh0, dc0, dn0, dm0) = super().backward(params, known, dh, dstate, scratch)
        return grads, dx, (dh0, dc0, dn0 * sign, dm0)
