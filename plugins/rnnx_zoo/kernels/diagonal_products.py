"""The compiled forms of LRU and RG-LRU, which have a product beside the diagonal loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnx.arrays import Array, Params, State
from rnnx.contracts.buffers import Scratch
from rnnx_builtin.kernels.rnn.sequence import as_flat_steps
from rnnx_builtin.kernels.simd.blas import matmul
from rnnx_zoo.kernels import diagonal_loop
from rnnx_zoo.kernels.diagonal import Kept, advance, at_start, own_numbers, retreat
from rnnx_zoo.kernels.rows import (
    Rows,
    as_rows,
    input_gradients,
    input_rows,
    last_states,
    share,
    states_of,
    sums,
    zero_beyond,
)
from rnnx_zoo.rotations import by_eigenvalues, by_input, eigenvalues, input_weights, read_out


@dataclass(frozen=True)
class CompiledLRU:
    """LRU: s is the state of the loop, two rows a unit; a product reads h out of all steps."""

    threads: int

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Any]:
        """``Cell.forward``."""
        n, W, (cos, sin) = len(state[0]), input_weights(params), eigenvalues(params)
        given = as_rows(x, W.shape[1], lengths, W.dtype, scratch)
        z, b = sums("z_rows", W, np.zeros((3 * n, 1), W.dtype), given, self.threads, scratch)
        hs = states_of(np.concatenate(state[1:]), "s_rows", given, scratch)
        kept = Kept(given, z, z, own_numbers(n, W.dtype, cos, sin), hs)
        advance(diagonal_loop.LRU, kept, b, z, self.threads)
        out = given.buffer("h_rows", n, W.dtype, scratch)
        rows = out[:, : given.width]
        matmul(read_out(params), _behind(hs, given), rows, self.threads)
        rows += z[2 * n :, : given.width]
        h, s = given.steps(out), last_states(hs, given)
        last = h[given.ends - 1, :, np.arange(len(given.ends))].T  # of no step: the initial h
        final = np.where(given.ends > 0, last, state[0]), s[:n].copy(), s[n:].copy()
        return zero_beyond(h, given), final, kept

    def backward(
        self, params: Params, cache: Any, dh: Array, dstate: State | None, scratch: Scratch
    ) -> tuple[Params, Array | None, State]:
        """``Cell.backward``."""
        given, z, s, own, hs = cache
        (_, n, B), dtype, width = dh.shape, dh.dtype, given.width
        zero = np.zeros((n, B), dtype)
        by_h, *by_s = (zero, zero, zero) if dstate is None else dstate
        dz, d_own = given.buffer("dz_rows", 3 * n, dtype, scratch), np.empty((n, 2), dtype)
        d_out, steps, d_last = dz[2 * n :], as_flat_steps(dh, scratch), np.ascontiguousarray(by_h)
        ends, d_final = given.ends, np.concatenate(by_s)
        share(
            lambda *part: diagonal_loop.gradient_rows(steps, d_last, ends, d_out, given.B_p, *part),
            n,
            given,
            self.threads,
        )
        g, back = given.buffer("g_rows", 2 * n, dtype, scratch), np.empty((2 * n, given.B_p), dtype)
        matmul(read_out(params).T, d_out[:, :width], g[:, :width], self.threads)
        loop = z, s, own, hs, g, d_final, ends, given.ending, given.active, back, dz, z, d_own
        share(
            lambda *part: diagonal_loop.backward(diagonal_loop.LRU, *loop, *part),
            n,
            given,
            self.threads,
        )
        d_start = at_start(back, d_final, given)
        initial = np.where(ends > 0, zero, d_last)
        W = input_weights(params)
        dW, _, dx = input_gradients(W, given, dz, self.threads, scratch, "W")
        dC = scratch.array("dC", (n, 2 * n), dtype)
        matmul(d_out[:, :width], _behind(hs, given).T, dC, self.threads)
        dC[:, n:] *= -1
        by_rotation = by_eigenvalues(params, d_own[:, :1], d_own[:, 1:])
        dparams = {**by_input(params, dW), **by_rotation, "C": dC}
        return dparams, dx, (initial, d_start[:n], d_start[n:])


def _behind(hs: Array, given: Rows) -> Array:
    """The states after each step, (n, T · B_p)."""
    return hs[:, given.B_p : given.B_p + given.width]


@dataclass(frozen=True)
class CompiledRGLRU:
    """RG-LRU: its gates are a product with u, before the loop."""

    threads: int

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Any]:
        """``Cell.forward``."""
        Wg, n = params["Wg"], len(state[0])
        n_x = params["Wx"].shape[1] if "Wx" in params else n
        given = as_rows(x, n_x, lengths, Wg.dtype, scratch)
        u = self._inputs(params, given, n, scratch)
        z = given.buffer("z_rows", 2 * n, Wg.dtype, scratch)
        matmul(Wg, u[:, : given.width], z[:, : given.width], self.threads)
        own = own_numbers(n, Wg.dtype, -8 * np.logaddexp(0, params["Lambda"]))
        kept = Kept(given, z, u, own, states_of(state[0], "hs_rows", given, scratch))
        advance(diagonal_loop.RG_LRU, kept, np.ascontiguousarray(params["bg"]), z, self.threads)
        final = last_states(kept.hs, given)
        return zero_beyond(given.steps(kept.hs[:, given.B_p :]), given), (final,), kept

    def _inputs(self, params: Params, given: Rows, n: int, scratch: Scratch) -> Array:
        """u, (n, ≥ T · B_p)."""
        if "Wx" not in params:
            return input_rows(given, n, params["Wg"].dtype, self.threads, scratch)
        u, b = sums("u_rows", params["Wx"], params["b"], given, self.threads, scratch)
        u[:, : given.width] += b
        return u

    def backward(
        self, params: Params, cache: Any, dh: Array, dstate: State | None, scratch: Scratch
    ) -> tuple[Params, Array | None, State]:
        """``Cell.backward``."""
        given, Wg, width = cache.given, params["Wg"], cache.given.width
        d_final = None if dstate is None else dstate[0]
        found = retreat(diagonal_loop.RG_LRU, cache, dh, d_final, None, self.threads, scratch)
        dz, du = found.dz[:, :width], found.ds[:, :width]
        through = given.buffer("Wg_dz_rows", len(du), Wg.dtype, scratch)[:, :width]
        du += matmul(Wg.T, dz, through, self.threads)
        dWg = scratch.array("dWg", Wg.shape, Wg.dtype)
        matmul(dz, cache.s[:, :width].T, dWg, self.threads)
        slope = -8 / (1 + np.exp(-params["Lambda"]))
        dparams = {"Wg": dWg, "bg": dz.sum(axis=1, keepdims=True)}
        dparams["Lambda"] = slope * found.d_own[:, :1]
        if "Wx" not in params:
            return dparams, None if given.x is None else given.steps(found.ds), (found.d_start,)
        dWx, db, dx = input_gradients(params["Wx"], given, found.ds, self.threads, scratch)
        return {**dparams, "Wx": dWx, "b": db}, dx, (found.d_start,)
