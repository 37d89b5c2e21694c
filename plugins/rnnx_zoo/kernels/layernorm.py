"""The compiled LSTM with layer norms: the norm of the input, and the gains."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Scratch
from rnnx_builtin.kernels.rnn.sequence import Input, input_gradient, prepare_input
from rnnx_builtin.kernels.simd import gemm
from rnnx_zoo.kernels.gated import CompiledGated, GatedCache, in_every_column, over_columns
from rnnx_zoo.kernels.layernorm_buffers import Backward
from rnnx_zoo.norm_of_rows import normalize, through_norm


class CompiledLayerNormLSTM(CompiledGated):
    """The driver, whose table of the input is normalised row by row: a symbol once, not each step.

    The gradient of a symbol's row is the sum over its steps, so that it passes the norm once, too.
    """

    def _input(
        self, params: Params, x: Array, lengths: Array | None, scratch: Scratch
    ) -> tuple[Input, Any]:
        zero = np.zeros_like(params["b"])
        given = prepare_input(params["Wx"], zero, x, lengths, self.threads, scratch)
        rows = given.table[:, : len(zero)]
        x_hat = scratch.array("x_hat", (len(zero), len(rows)), rows.dtype)
        np.copyto(x_hat, rows.T)
        inverse = normalize(x_hat)
        np.multiply(params["gx"].T, x_hat.T, out=rows)
        rows += params["b"].T
        return given, (x_hat, inverse)

    def _more(self, params: Params, units: gemm.Units, B: int, scratch: Scratch) -> tuple[Any, ...]:
        sizes = {"gh": 4, "gc": 1, "bc": 1}
        return (
            tuple(
                in_every_column(f"{name}_columns", params[name], blocks, units, B, scratch)
                for name, blocks in sizes.items()
            ),
        )

    def _gradients(
        self, params: Params, cache: GatedCache, own: tuple[Array, ...], scratch: Scratch
    ) -> tuple[Params, Array | None]:
        to, n_a, Wx = Backward(*own), params["Wh"].shape[1], params["Wx"]
        x, (x_hat, inverse), gx = cache.run.x, cache.projected, params["gx"]
        if x.x_flat is None:
            dWx, db, dx = input_gradient(Wx, x, to.dz_flat, self.threads, scratch)
            x_hat, inverse = x_hat[:, :-1], inverse[:, :-1]  # the zero vector's is 0
            dgx = np.sum(dWx * x_hat, axis=1, keepdims=True)
            dWx[...] = through_norm(gx * dWx, x_hat, inverse)
        else:
            dz = to.dz_flat[:, : x_hat.shape[1]]
            db, dgx = (np.sum(d, axis=1, keepdims=True) for d in (dz, dz * x_hat))
            dz[...] = through_norm(gx * dz, x_hat, inverse)
            dWx, _, dx = input_gradient(Wx, x, to.dz_flat, self.threads, scratch)
        over_units = over_columns(to.dm, "dm", 2, n_a, scratch)
        return {
            "Wx": dWx,
            "Wh": self._recurrent_gradient(params["Wh"], cache, to.d_products_flat, scratch),
            "b": db,
            "gx": dgx,
            "gh": over_columns(to.dgh, "dgh", 4, n_a, scratch),
            "gc": over_units[:n_a],
            "bc": over_units[n_a:],
        }, dx
