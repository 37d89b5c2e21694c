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
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State
from rnnx.config.initialization import fill
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.ranges import require
from rnnx.contracts.self_description import GateWords
from rnnx.padding import FinalGradient, last_valid
from rnnx_builtin.cells.weights import CellWeights
from rnnx_builtin.numerics.one_step import step_projection
from rnnx_builtin.numerics.whole_sequence import (
    Dense,
    One,
    begin_states,
    input_gradient,
    input_rows,
    input_weights,
    project,
    sum_products,
    tiles,
    zero_padding,
)


class Cache(NamedTuple):
    x: Array  # (T, B) ids or (T, n_x, B)
    hs: Array  # (T + 1, n_a, B), hs[0] the initial state
    gates: Array  # (T, 3·n_a, B): r, z, n after their activations
    inner: Array  # (T, n_a, B): Wh·h⟨t−1⟩ + bn, or r ⊙ h⟨t−1⟩
    lengths: Array | None  # (B,)


@dataclass(frozen=True)
class GRU:
    """A cell whose state is itself the memory: z keeps it, r hides it from the candidate."""

    recurrent_weights: ClassVar[tuple[str, ...]] = ("Wh",)
    golden: ClassVar[tuple[str, ...]] = ("golden/gru.json",)
    gate_words: ClassVar[dict[str, GateWords]] = {
        "r": GateWords("shows h⟨t−1⟩ to the candidate n", "hides it: n is made of the input alone"),
        "z": GateWords(
            "keeps h⟨t−1⟩",
            "writes the candidate n",
            "h⟨t⟩ = (1 − z) ⊙ n + z ⊙ h⟨t−1⟩, as Cho et al. 2014, PyTorch, Keras and cuDNN",
            "h⟨t⟩ = z ⊙ n + (1 − z) ⊙ h⟨t−1⟩, as Chung et al. 2014: their z is 1 − z here",
        ),
    }

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
        hs = begin_states(state[0], "hs", T, scratch, params)
        gates = scratch.array("gates", (T, 3 * n_a, hs.shape[2]), hs.dtype)
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
        h = zero_padding(hs[1:], lengths, "h", scratch)
        return h, (final,), Cache(x, hs, gates, inner, lengths)

    def compiled(self, threads: int) -> Any:
        """The same in compiled kernels."""
        from rnnx_builtin.kernels.rnn.gru import CompiledGRU

        return CompiledGRU(threads)

    def gates(self, cache: Cache) -> Params:
        r, z, _ = np.split(cache.gates, 3, axis=1)
        return {"r": r, "z": z}

    def stream(self, params: Params, scratch: Scratch) -> Callable[[Array, State], State]:
        n_a = self.hidden_size
        project_one = step_projection(params["Wx"], params["b"])
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
        dh = zero_padding(dh, lengths, "dh", scratch)
        ends = FinalGradient(dstate, lengths, T)
        WhT = self._transposed(params["Wh"], scratch)
        # By inner, and by the sums before r, z and n: what Wh meets and what Wx meets overlap.
        dz = scratch.array("dz", (T, 4 * n_a, B), dtype)
        dh_t = scratch.array("dh_t", (n_a, B), dtype)
        back = np.zeros((n_a, B), dtype)
        through = self._back_after if self.reset_after else self._back_before
        for start, stop in tiles(T, gates[0].nbytes):
            slopes = self._slopes(cache, start, stop, scratch)
            for t in range(stop - 1, start - 1, -1):
                if (final := ends.at(t)) is not None:
                    back += final[0]
                a, slope, dz_t = gates[t], slopes[t - start], dz[t]
                np.add(back, dh[t], out=dh_t)
                np.multiply(dh_t, slope[n_a : 2 * n_a], out=dz_t[2 * n_a : 3 * n_a])
                np.multiply(dh_t, slope[2 * n_a :], out=dz_t[3 * n_a :])
                dh_t *= a[n_a : 2 * n_a]  # straight through z
                through(WhT, a, slope, dz_t, dh_t, back)
        if (final := ends.at(-1)) is not None:
            back += final[0]
        dx = input_gradient(params["Wx"], dz[:, n_a:], cache.x, scratch)
        return self._dparams(params, cache, dz, scratch), dx, (back,)

    def _transposed(self, Wh: Array, scratch: Scratch) -> Array:
        """Whᵀ with the blocks n, r, z (n_a, 3·n_a), contiguous: it is read T times."""
        n_a = self.hidden_size
        WhT = scratch.array("WhT", (n_a, 3 * n_a), Wh.dtype)
        np.copyto(WhT[:, :n_a], Wh[2 * n_a :].T)
        np.copyto(WhT[:, n_a:], Wh[: 2 * n_a].T)
        return WhT

    def _back_after(
        self, WhT: Array, a: Array, slope: Array, dz: Array, dh: Array, back: Array
    ) -> None:
        n_a = self.hidden_size
        dn = dz[3 * n_a :]
        np.multiply(dn, slope[:n_a], out=dz[n_a : 2 * n_a])
        np.multiply(dn, a[:n_a], out=dz[:n_a])
        np.matmul(WhT, dz[: 3 * n_a], out=back)
        back += dh

    def _back_before(
        self, WhT: Array, a: Array, slope: Array, dz: Array, dh: Array, back: Array
    ) -> None:
        n_a = self.hidden_size
        d_inner = np.matmul(WhT[:, :n_a], dz[3 * n_a :], out=dz[:n_a])
        np.multiply(d_inner, slope[:n_a], out=dz[n_a : 2 * n_a])
        np.matmul(WhT[:, n_a:], dz[n_a : 3 * n_a], out=back)
        d_inner *= a[:n_a]
        back += d_inner
        back += dh

    def _slopes(self, cache: Cache, start: int, stop: int, scratch: Scratch) -> Array:
        """(T, 3·n_a, B) — r: inner or h⟨t−1⟩ · r(1−r); z: (h⟨t−1⟩ − n)·z(1−z); n: (1−z)(1−n²)."""
        n_a, h_before = self.hidden_size, cache.hs[start:stop]
        gates, inner = cache.gates[start:stop], cache.inner[start:stop]
        r, z, n = (gates[:, k * n_a : (k + 1) * n_a] for k in range(3))
        slope = scratch.array("slope", gates.shape, gates.dtype)
        by_r, by_z, by_n = (slope[:, k * n_a : (k + 1) * n_a] for k in range(3))
        np.multiply(gates, gates, out=slope)
        np.subtract(r, by_r, out=by_r)
        by_r *= inner if self.reset_after else h_before
        np.subtract(1, by_n, out=by_n)
        rest = np.subtract(1, z, out=scratch.array("rest", z.shape, z.dtype))
        by_n *= rest
        np.subtract(z, by_z, out=by_z)
        by_z *= np.subtract(h_before, n, out=rest)
        return slope

    def _dparams(self, params: Params, cache: Cache, dz: Array, scratch: Scratch) -> Params:
        """Wh meets inner's, r's and z's part of dz, Wx and b meet r's, z's and n's."""
        n_a, n_x = self.hidden_size, params["Wx"].shape[1]
        dWh = scratch.array("dWh", (3 * n_a, n_a), dz.dtype)
        inputs = input_rows(cache.x, n_x, cache.lengths)
        by_x = sum_products(dz[:, n_a:], [inputs, One()], "dWx", scratch)
        db = scratch.array("db", (3 * n_a, 1), dz.dtype)
        np.copyto(db, by_x[:, -1:])
        dparams = {"Wx": input_weights(by_x[:, :-1], inputs, n_x, scratch), "Wh": dWh, "b": db}
        before = Dense(cache.hs[:-1])
        if not self.reset_after:
            np.copyto(dWh[: 2 * n_a], sum_products(dz[:, n_a : 3 * n_a], [before], "dWh", scratch))
            inner = Dense(cache.inner)  # r ⊙ h⟨t−1⟩
            np.copyto(dWh[2 * n_a :], sum_products(dz[:, 3 * n_a :], [inner], "dWh", scratch))
            return dparams
        by_h = sum_products(dz[:, : 3 * n_a], [before, One()], "dWh", scratch)
        np.copyto(dWh[2 * n_a :], by_h[:n_a, :-1])
        np.copyto(dWh[: 2 * n_a], by_h[n_a:, :-1])
        dparams["bn"] = scratch.array("dbn", (n_a, 1), dz.dtype)
        np.copyto(dparams["bn"], by_h[:n_a, -1:])
        return dparams


def _sigmoid(z: Array) -> Array:
    """σ(z) = ½·tanh(½·z) + ½, in place."""
    z *= 0.5
    np.tanh(z, out=z)
    z *= 0.5
    z += 0.5
    return z
