"""The gated recurrent unit (Cho et al. 2014), in the form of cuDNN and PyTorch by default.

    r, z = σ(Wx·x⟨t⟩ + Wh·h⟨t−1⟩ + b)               the reset and update gates
    n    = tanh(Wx·x⟨t⟩ + b + r ⊙ (Wh·h⟨t−1⟩ + bn))  the candidate, reset after the product
    n    = tanh(Wx·x⟨t⟩ + b + Wh·(r ⊙ h⟨t−1⟩))       Cho's own, with reset_after=false
    h⟨t⟩ = (1 − z) ⊙ n + z ⊙ h⟨t−1⟩

    Wx (3·n_a, n_x) · Wh (3·n_a, n_a) · b (3·n_a, 1) · bn (n_a, 1) if reset_after · state (h,)

The rows are the blocks r, z, n. PyTorch's two biases of r and of z only ever appear as a sum, so
they are one here; bn is its b_hn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rnnx.contracts import Array, Params, State
from rnnx.initialization import fill
from rnnx.padding import FinalGradient, last_valid
from rnnx.projection import begin, flat, masked, project, project_back, project_each
from rnnx.ranges import require
from rnnx.scratch import Scratch
from rnnx_builtin.cells.weights import CellWeights


class Cache(NamedTuple):
    x: Array  # (T, B) ids or (T, n_x, B)
    hs: Array  # (T + 1, n_a, B), hs[0] the initial state
    gates: Array  # (T, 3·n_a, B): r, z, n after their activations
    inner: Array  # (T, n_a, B): Wh·h⟨t−1⟩ + bn, or r ⊙ h⟨t−1⟩
    lengths: Array | None  # (B,)


@dataclass(frozen=True)
class GRU:
    """A cell whose state is itself the memory: z keeps it, r hides it from the candidate."""

    hidden_size: int = 128
    """n_a, units, at least 1."""
    reset_after: bool = True
    """Reset after the recurrent product (one product a step) or before it (Cho's, two)."""
    weights: CellWeights = CellWeights()
    """The initialisers of Wx, Wh and the biases."""

    def __post_init__(self) -> None:
        require(self.hidden_size >= 1, "hidden_size", "at least 1", self.hidden_size)

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> Params:
        n_a = self.hidden_size
        params = {
            "Wx": fill(self.weights.input, rng, (n_a, n_x), dtype, blocks=3),
            "Wh": fill(self.weights.recurrent, rng, (n_a, n_a), dtype, blocks=3),
            "b": fill(self.weights.bias, rng, (n_a, 1), dtype, blocks=3),
        }
        if self.reset_after:
            params["bn"] = fill(self.weights.bias, rng, (n_a, 1), dtype)
        return params

    def initial_state(self, B: int, dtype: npt.DTypeLike) -> State:
        return (np.zeros((self.hidden_size, B), dtype),)

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Cache]:
        T, n_a = len(x), self.hidden_size
        z_x = project(params["Wx"], params["b"], x, lengths, scratch)
        hs = begin(state[0], "hs", T, scratch, params)
        gates = scratch.array("gates", z_x.shape, hs.dtype)
        inner = scratch.array("inner", hs[1:].shape, hs.dtype)
        candidate = self._reset_after if self.reset_after else self._reset_before
        for t in range(T):
            a, h = gates[t], hs[t + 1]
            candidate(params, hs[t], z_x[t], a, inner[t])
            n = np.tanh(a[2 * n_a :], out=a[2 * n_a :])
            np.subtract(hs[t], n, out=h)  # h = n + z ⊙ (h⟨t−1⟩ − n)
            h *= a[n_a : 2 * n_a]
            h += n
        final = last_valid(hs[1:], hs[0], lengths)
        h = masked(hs[1:], lengths, "h", scratch)
        return h, (final,), Cache(x, hs, gates, inner, lengths)

    def stream(self, params: Params, scratch: Scratch) -> Callable[[Array, State], State]:
        n_a = self.hidden_size
        project_one = project_each(params["Wx"], params["b"])
        candidate = self._reset_after if self.reset_after else self._reset_before

        def step(x: Array, state: State) -> State:
            (before,) = state
            a = scratch.array("gates_t", (3 * n_a, before.shape[1]), before.dtype)
            inner = np.empty_like(before)
            candidate(params, before, project_one(x), a, inner)
            n = np.tanh(a[2 * n_a :], out=a[2 * n_a :])
            h = np.subtract(before, n, out=inner)
            h *= a[n_a : 2 * n_a]
            h += n
            return (h,)

        return step

    def _reset_after(self, params: Params, h: Array, z_x: Array, a: Array, inner: Array) -> None:
        n_a = self.hidden_size
        np.matmul(params["Wh"], h, out=a)
        np.add(a[2 * n_a :], params["bn"], out=inner)
        gates = _sigmoid(np.add(a[: 2 * n_a], z_x[: 2 * n_a], out=a[: 2 * n_a]))
        np.multiply(gates[:n_a], inner, out=a[2 * n_a :])
        a[2 * n_a :] += z_x[2 * n_a :]

    def _reset_before(self, params: Params, h: Array, z_x: Array, a: Array, inner: Array) -> None:
        n_a = self.hidden_size
        np.matmul(params["Wh"][: 2 * n_a], h, out=a[: 2 * n_a])
        gates = _sigmoid(np.add(a[: 2 * n_a], z_x[: 2 * n_a], out=a[: 2 * n_a]))
        np.multiply(gates[:n_a], h, out=inner)
        np.matmul(params["Wh"][2 * n_a :], inner, out=a[2 * n_a :])
        a[2 * n_a :] += z_x[2 * n_a :]

    def backward(
        self, params: Params, cache: Cache, dh: Array, dstate: State | None, scratch: Scratch
    ) -> tuple[Params, Array | None, State]:
        T, n_a, B = dh.shape
        gates, lengths, dtype = cache.gates, cache.lengths, cache.hs.dtype
        dh = masked(dh, lengths, "dh", scratch)
        ends = FinalGradient(dstate, lengths, T)
        slope = self._slopes(cache, scratch)
        WhT = scratch.array("WhT", (n_a, 3 * n_a), dtype)
        np.copyto(WhT, params["Wh"].T)  # contiguous: it is read T times
        dz = scratch.array("dz", gates.shape, dtype)  # by the sums before r, z and n
        dh_t = scratch.array("dh_t", (n_a, B), dtype)
        dq = scratch.array("dq", (T, 3 * n_a, B), dtype)  # by Wh·h: as dz, but n's is by inner
        back = np.zeros((n_a, B), dtype)
        through = self._back_after if self.reset_after else self._back_before
        for t in range(T - 1, -1, -1):
            if (final := ends.at(t)) is not None:
                back += final[0]
            np.add(back, dh[t], out=dh_t)
            np.multiply(dh_t, slope[t, n_a : 2 * n_a], out=dz[t, n_a : 2 * n_a])
            np.multiply(dh_t, slope[t, 2 * n_a :], out=dz[t, 2 * n_a :])
            dh_t *= gates[t, n_a : 2 * n_a]  # straight through z
            through(WhT, gates[t], slope[t], dz[t], dq[t], dh_t, back)
        if (final := ends.at(-1)) is not None:
            back += final[0]
        dWx, db, dx, _ = project_back(params["Wx"], dz, cache.x, lengths, scratch)
        dparams = {"Wx": dWx, "Wh": self._dWh(cache, dq, scratch), "b": db}
        if self.reset_after:
            dbn = scratch.array("dbn", (n_a, 1), dtype)
            dparams["bn"] = np.sum(dq[:, 2 * n_a :], axis=(0, 2), out=dbn[:, 0])[:, None]
        return dparams, dx, (back,)

    def _back_after(
        self, WhT: Array, a: Array, slope: Array, dz: Array, dq: Array, dh: Array, back: Array
    ) -> None:
        n_a = self.hidden_size
        np.multiply(dz[2 * n_a :], slope[:n_a], out=dz[:n_a])
        dq[: 2 * n_a] = dz[: 2 * n_a]
        np.multiply(dz[2 * n_a :], a[:n_a], out=dq[2 * n_a :])
        np.matmul(WhT, dq, out=back)
        back += dh

    def _back_before(
        self, WhT: Array, a: Array, slope: Array, dz: Array, dq: Array, dh: Array, back: Array
    ) -> None:
        n_a = self.hidden_size
        d_inner = WhT[:, 2 * n_a :] @ dz[2 * n_a :]
        np.multiply(d_inner, slope[:n_a], out=dz[:n_a])
        dq[...] = dz
        np.matmul(WhT[:, : 2 * n_a], dz[: 2 * n_a], out=back)
        d_inner *= a[:n_a]
        back += d_inner
        back += dh

    def _slopes(self, cache: Cache, scratch: Scratch) -> Array:
        """(T, 3·n_a, B) — r: inner or h⟨t−1⟩ · r(1−r); z: (h⟨t−1⟩ − n)·z(1−z); n: (1−z)(1−n²)."""
        n_a, h_before = self.hidden_size, cache.hs[:-1]
        r, z, n = (cache.gates[:, k * n_a : (k + 1) * n_a] for k in range(3))
        slope = scratch.array("slope", cache.gates.shape, cache.hs.dtype)
        by_r, by_z, by_n = (slope[:, k * n_a : (k + 1) * n_a] for k in range(3))
        np.multiply(cache.gates, cache.gates, out=slope)
        np.subtract(r, by_r, out=by_r)
        by_r *= cache.inner if self.reset_after else h_before
        np.subtract(1, by_n, out=by_n)
        rest = np.subtract(1, z, out=scratch.array("rest", z.shape, z.dtype))
        by_n *= rest
        np.subtract(z, by_z, out=by_z)
        by_z *= np.subtract(h_before, n, out=rest)
        return slope

    def _dWh(self, cache: Cache, dq: Array, scratch: Scratch) -> Array:
        """Σ dq·h⟨t−1⟩ᵀ; n's block against r ⊙ h⟨t−1⟩ where the reset comes before."""
        n_a = self.hidden_size
        dq_flat = flat(dq, "dq_flat", scratch)
        h_flat = flat(cache.hs[:-1], "h_flat", scratch)
        dWh = scratch.array("dWh", (3 * n_a, n_a), dq.dtype)
        if self.reset_after:
            return np.matmul(dq_flat, h_flat.T, out=dWh)
        np.matmul(dq_flat[: 2 * n_a], h_flat.T, out=dWh[: 2 * n_a])
        inner_flat = flat(cache.inner, "inner_flat", scratch)
        np.matmul(dq_flat[2 * n_a :], inner_flat.T, out=dWh[2 * n_a :])
        return dWh


def _sigmoid(z: Array) -> Array:
    """σ(z) = ½·tanh(½·z) + ½, in place."""
    z *= 0.5
    np.tanh(z, out=z)
    z *= 0.5
    z += 0.5
    return z
