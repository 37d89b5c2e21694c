"""Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers 2000).

    i, f, o = σ(Wx·x⟨t⟩ + Wh·h⟨t−1⟩ + b)      the input, forget and output gates
    g       = tanh(Wx·x⟨t⟩ + Wh·h⟨t−1⟩ + b)   the candidate
    c⟨t⟩    = f ⊙ c⟨t−1⟩ + i ⊙ g
    h⟨t⟩    = o ⊙ tanh(c⟨t⟩)

    Wx (4·n_a, n_x) · Wh (4·n_a, n_a) · b (4·n_a, 1) · state (h, c)

The rows are the blocks i, f, o, g, the sigmoid gates side by side. The notebook keeps them as
Wi, Wf, Wo, Wc over [a⟨t−1⟩; x⟨t⟩], and calls g c̃ and h a. σ(z) = ½·tanh(½·z) + ½, so all four
blocks pass through one tanh once the gates' rows of the weights are halved.
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
from rnnx.contracts.ranges import require, require_finite
from rnnx.contracts.self_description import GateWords
from rnnx.padding import FinalGradient, last_valid
from rnnx_builtin.cells.weights import CellWeights
from rnnx_builtin.numerics.one_step import step_sums
from rnnx_builtin.numerics.whole_sequence import (
    begin_states,
    input_gradient,
    project,
    tiles,
    weight_gradients,
    zero_padding,
)


class Cache(NamedTuple):
    x: Array  # (T, B) ids or (T, n_x, B)
    hs: Array  # (T + 1, n_a, B), hs[0] the initial state
    cs: Array  # (T + 1, n_a, B), cs[0] the initial state
    gates: Array  # (T, 4·n_a, B): i, f, o, g after their activations
    tanh_c: Array  # (T, n_a, B)
    lengths: Array | None  # (B,)


class Slopes(NamedTuple):
    """What the way back multiplies with, for a few steps at once."""

    dz_dc: Array  # (T, 4, n_a, B): by c through i, f and g; place 2 holds o's by h
    dc_dh: Array  # (T, n_a, B): o·(1 − tanh²c)


@dataclass(frozen=True)
class LSTM:
    """A cell with a memory c that gates write to, erase and read."""

    recurrent_weights: ClassVar[tuple[str, ...]] = ("Wh",)
    golden: ClassVar[tuple[str, ...]] = ("golden/lstm.json",)
    gate_words: ClassVar[dict[str, GateWords]] = {
        "i": GateWords("writes the candidate g to c", "writes nothing"),
        "f": GateWords("keeps c⟨t−1⟩", "forgets it"),
        "o": GateWords("shows c in h", "hides it"),
    }

    hidden_size: int = 128
    """n_a, units, at least 1."""
    forget_bias: float = 1.0
    """Added to the fresh bias of f; above 0 keeps memory at first (Jozefowicz et al. 2015)."""
    weights: CellWeights = CellWeights()
    """The initialisers of Wx, Wh and b."""

    def __post_init__(self) -> None:
        require(self.hidden_size >= 1, "hidden_size", "at least 1", self.hidden_size)
        require_finite("forget_bias", self.forget_bias)

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> Params:
        n_a = self.hidden_size
        params = {
            "Wx": fill(self.weights.input, rng, (n_a, n_x), dtype, blocks=4),
            "Wh": fill(self.weights.recurrent, rng, (n_a, n_a), dtype, blocks=4),
            "b": fill(self.weights.bias, rng, (n_a, 1), dtype, blocks=4),
        }
        params["b"][n_a : 2 * n_a] += self.forget_bias
        return params

    def initial_state(self, B: int, dtype: npt.DTypeLike) -> State:
        n_a = self.hidden_size
        return np.zeros((n_a, B), dtype), np.zeros((n_a, B), dtype)

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Cache]:
        T, n_a = len(x), self.hidden_size
        half = {name: _halved(p, n_a, name, scratch) for name, p in params.items()}
        z = project(half["Wx"], half["b"], x, lengths, scratch)
        hs = begin_states(state[0], "hs", T, scratch, params)
        cs = begin_states(state[1], "cs", T, scratch, params)
        gates = scratch.array("gates", (T, 4 * n_a, hs.shape[2]), hs.dtype)
        tanh_c = scratch.array("tanh_c", hs[1:].shape, hs.dtype)
        write = scratch.array("write", hs[0].shape, hs.dtype)  # i ⊙ g
        Wh = half["Wh"]
        for t in range(T):
            a, c = gates[t], cs[t + 1]
            np.matmul(Wh, hs[t], out=a)
            a += z[t]
            _memory(a, cs[t], write, c, tanh_c[t])
            np.multiply(a[2 * n_a : 3 * n_a], tanh_c[t], out=hs[t + 1])
        final = (last_valid(hs[1:], hs[0], lengths), last_valid(cs[1:], cs[0], lengths))
        h = zero_padding(hs[1:], lengths, "h", scratch)
        return h, final, Cache(x, hs, cs, gates, tanh_c, lengths)

    def compiled(self, threads: int) -> Any:
        """The same in compiled kernels."""
        from rnnx_builtin.kernels.rnn.lstm import CompiledLSTM

        return CompiledLSTM(threads)

    def gates(self, cache: Cache) -> Params:
        i, f, o, _ = np.split(cache.gates, 4, axis=1)
        return {"i": i, "f": f, "o": o}

    def stream(self, params: Params, scratch: Scratch) -> Callable[[Array, State], State]:
        n_a = self.hidden_size
        half = {name: _halved(p, n_a, name, scratch) for name, p in params.items()}
        sums = step_sums(half["Wx"], half["Wh"], half["b"], scratch)

        def step(x: Array, state: State) -> State:
            h, c = np.empty_like(state[0]), np.empty_like(state[1])
            a = sums(x, state[0])
            _memory(a, state[1], h, c, h)
            h *= a[2 * n_a : 3 * n_a]
            return h, c

        return step

    def backward(
        self, params: Params, cache: Cache, dh: Array, dstate: State | None, scratch: Scratch
    ) -> tuple[Params, Array | None, State]:
        x, hs, _, gates, _, lengths = cache
        T, n_a, B = dh.shape
        dtype = hs.dtype
        dh = zero_padding(dh, lengths, "dh", scratch)
        ends = FinalGradient(dstate, lengths, T)
        WhT = scratch.array("WhT", (n_a, 4 * n_a), dtype)
        np.copyto(WhT, params["Wh"].T)  # contiguous: it is read T times
        dz = scratch.array("dz", (T, 4, n_a, B), dtype)
        dh_t = scratch.array("dh_t", (n_a, B), dtype)
        dc_t = scratch.array("dc_t", (n_a, B), dtype)
        back_h, back_c = np.zeros((n_a, B), dtype), np.zeros((n_a, B), dtype)
        for start, stop in tiles(T, gates[0].nbytes):
            slopes = self._slopes(cache, start, stop, scratch)
            for t in range(stop - 1, start - 1, -1):
                if (final := ends.at(t)) is not None:
                    back_h += final[0]
                    back_c += final[1]
                by_c, dz_t = slopes.dz_dc[t - start], dz[t]
                np.add(back_h, dh[t], out=dh_t)
                np.multiply(dh_t, slopes.dc_dh[t - start], out=dc_t)
                dc_t += back_c
                np.multiply(by_c, dc_t, out=dz_t)  # i, f, g; o is overwritten:
                np.multiply(by_c[2], dh_t, out=dz_t[2])
                np.multiply(dc_t, gates[t, n_a : 2 * n_a], out=back_c)
                np.matmul(WhT, dz_t.reshape(4 * n_a, B), out=back_h)
        if (final := ends.at(-1)) is not None:
            back_h += final[0]
            back_c += final[1]
        dz_all, n_x = dz.reshape(T, 4 * n_a, B), params["Wx"].shape[1]
        dWx, dWh, db = weight_gradients(dz_all, hs[:-1], x, n_x, lengths, scratch)
        dx = input_gradient(params["Wx"], dz_all, x, scratch)
        return {"Wx": dWx, "Wh": dWh, "b": db}, dx, (back_h, back_c)

    def _slopes(self, cache: Cache, start: int, stop: int, scratch: Scratch) -> Slopes:
        """i: g·i(1−i) · f: c⟨t−1⟩·f(1−f) · o: tanh(c)·o(1−o) · g: i·(1−g²)."""
        gates, tanh_c = cache.gates[start:stop], cache.tanh_c[start:stop]
        T, n_a, B = tanh_c.shape
        i, _, o, g = gates.reshape(T, 4, n_a, B).transpose(1, 0, 2, 3)
        by = scratch.array("dz_dc", (T, 4, n_a, B), gates.dtype)
        square = np.multiply(gates, gates, out=by.reshape(T, 4 * n_a, B))
        sigmoids = square[:, : 3 * n_a]
        np.subtract(gates[:, : 3 * n_a], sigmoids, out=sigmoids)
        by[:, 0] *= g
        by[:, 1] *= cache.cs[start:stop]
        by[:, 2] *= tanh_c
        np.subtract(1, by[:, 3], out=by[:, 3])
        by[:, 3] *= i
        dc_dh = scratch.array("dc_dh", tanh_c.shape, gates.dtype)
        np.multiply(tanh_c, tanh_c, out=dc_dh)
        np.subtract(1, dc_dh, out=dc_dh)
        dc_dh *= o
        return Slopes(by, dc_dh)


def _memory(a: Array, before: Array, write: Array, c: Array, tanh_c: Array) -> None:
    """From the halved sums a (4·n_a, B) and c⟨t−1⟩: the gates in place, then c and tanh(c)."""
    n_a = len(c)
    np.tanh(a, out=a)
    sigmoids = a[: 3 * n_a]
    sigmoids *= 0.5
    sigmoids += 0.5
    np.multiply(a[n_a : 2 * n_a], before, out=c)
    np.multiply(a[:n_a], a[3 * n_a :], out=write)
    c += write
    np.tanh(c, out=tanh_c)


def _halved(weights: Array, n_a: int, name: str, scratch: Scratch) -> Array:
    """The gates' rows halved, g's as they are: exact, since ½ is a power of two."""
    out = scratch.array(f"half_{name}", weights.shape, weights.dtype)
    np.multiply(weights[: 3 * n_a], 0.5, out=out[: 3 * n_a])
    out[3 * n_a :] = weights[3 * n_a :]
    return out
