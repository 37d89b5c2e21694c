"""The simple recurrent unit (Lei et al. 2018), in the form of asappresearch/sru 2.6.

    u    = Wx·x⟨t⟩                          block u: the candidate
    f    = σ(Wx·x⟨t⟩ + b + v ⊙ c⟨t−1⟩)      block f: keeps
    r    = σ(Wx·x⟨t⟩ + b + v ⊙ c⟨t−1⟩)      block r: reads c; 1 − r lets the input pass
    c⟨t⟩ = f ⊙ c⟨t−1⟩ + (1 − f) ⊙ u
    h⟨t⟩ = r ⊙ c⟨t⟩ + (1 − r) ⊙ α·s         s = x⟨t⟩, or Wx·x⟨t⟩ (block s) where n_x ≠ n_a

    Wx (4·n_a, n_x), (3·n_a, n_x) where n_x = n_a · b, v (2·n_a, 1) · state (h, c)

The rows of Wx are the blocks u, f, r and s, those of b and v f, r. A unit sees its own c alone, by
v: nothing is multiplied by a matrix in the loop. h is read out and has no say in the next step.

Weights begin U(±√(3/n_x)), v and the bias of f 0, the bias of r highway_bias; α = √(1 + 2·e^b) of
that bias at the start, √3 by default, which keeps the variance of a layer's output at that of its
input. The paper writes r ⊙ c without an activation of c from its second version on, as here. Its
pseudo code has a typo in the backward pass (asappresearch/sru issue 40); the code is followed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.ranges import require
from rnnx.contracts.self_description import GateWords
from rnnx.padding import FinalGradient, last_valid
from rnnx_builtin.numerics.one_step import step_projection
from rnnx_builtin.numerics.whole_sequence import (
    begin_states,
    input_gradient,
    tiles,
    zero_padding,
)
from rnnx_zoo.diagonal import as_vectors, projected, weight_gradients
from rnnx_zoo.sigmoid import sigmoid


class Cache(NamedTuple):
    x: Array  # (T, B) ids or (T, n_x, B)
    cs: Array  # (T + 1, n_a, B), cs[0] the initial state
    gates: Array  # (T, 3·n_a or 4·n_a, B): u, f, r, s
    passed: Array  # (T, n_a, B): s
    lengths: Array | None  # (B,)


@dataclass(frozen=True)
class SRU:
    """A memory without a recurrent product, and a gate that mixes it with the input."""

    golden: ClassVar[tuple[str, ...]] = ("golden/sru.json",)
    gate_words: ClassVar[dict[str, GateWords]] = {
        "f": GateWords("keeps c⟨t−1⟩", "writes the candidate u"),
        "r": GateWords("shows c in h", "lets the input pass to h"),
    }

    hidden_size: int = 128
    """n_a, units, at least 1."""
    highway_bias: float = 0.0
    """The bias of r at the start: below 0 the input passes, above 0 the memory. −50 … 50."""

    def __post_init__(self) -> None:
        require(self.hidden_size >= 1, "hidden_size", "at least 1", self.hidden_size)
        bias = self.highway_bias
        require(-50 <= bias <= 50, "highway_bias", "-50 to 50", bias)

    @property
    def _alpha(self) -> float:
        return math.sqrt(1 + 2 * math.exp(self.highway_bias))

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> Params:
        n_a, bound = self.hidden_size, math.sqrt(3 / n_x)
        rows = (3 if n_x == n_a else 4) * n_a
        b = np.zeros((2 * n_a, 1), dtype)
        b[n_a:] = self.highway_bias
        Wx = rng.uniform(-bound, bound, (rows, n_x)).astype(dtype)
        return {"Wx": Wx, "b": b, "v": np.zeros_like(b)}

    def initial_state(self, B: int, dtype: npt.DTypeLike) -> State:
        n_a = self.hidden_size
        return np.zeros((n_a, B), dtype), np.zeros((n_a, B), dtype)

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Cache]:
        T, n_a, v = len(x), self.hidden_size, params["v"]
        gates = projected(params["Wx"], self._biases(params), x, lengths, scratch)
        passed = gates[:, 3 * n_a :]
        if gates.shape[1] == 3 * n_a:
            passed = as_vectors(x, n_a, lengths, gates.dtype, scratch)
        cs = begin_states(state[1], "cs", T, scratch, params)
        h = scratch.array("h_all", cs[1:].shape, cs.dtype)
        own = scratch.array("own", v.shape[:1] + cs.shape[2:], cs.dtype)
        for t in range(T):
            u, c = gates[t, :n_a], cs[t + 1]
            both = gates[t, n_a : 3 * n_a]
            np.multiply(v.reshape(2, n_a, 1), cs[t], out=own.reshape(2, n_a, -1))
            both += own
            f, r = np.split(sigmoid(both), 2)
            np.subtract(cs[t], u, out=c)
            c *= f
            c += u
            self._read(c, r, passed[t], h[t])
        finals = (last_valid(h, state[0], lengths), last_valid(cs[1:], cs[0], lengths))
        shown = zero_padding(h, lengths, "h", scratch)
        return shown, finals, Cache(x, cs, gates, passed, lengths)

    def _biases(self, params: Params) -> Array:
        """A bias for each row of Wx."""
        n_a, b = self.hidden_size, params["b"]
        biases = np.zeros((len(params["Wx"]), 1), b.dtype)
        biases[n_a : 3 * n_a] = b
        return biases

    def _read(self, c: Array, r: Array, s: Array, h: Array) -> None:
        """h = r ⊙ c + (1 − r) ⊙ α·s."""
        np.multiply(s, self._alpha, out=h)
        through = c - h
        through *= r
        h += through

    def gates(self, cache: Cache) -> Params:
        n_a = self.hidden_size
        return {"f": cache.gates[:, n_a : 2 * n_a], "r": cache.gates[:, 2 * n_a : 3 * n_a]}

    def stream(self, params: Params, scratch: Scratch) -> Callable[[Array, State], State]:
        n_a, v = self.hidden_size, params["v"].reshape(2, self.hidden_size, 1)
        Wx, biases = params["Wx"], self._biases(params)
        if len(Wx) == 3 * n_a:  # the input itself as block s
            Wx = np.concatenate([Wx, np.eye(n_a, dtype=Wx.dtype)])
            biases = np.concatenate([biases, np.zeros((n_a, 1), Wx.dtype)])
        project_one = step_projection(Wx, biases)

        def step(x: Array, state: State) -> State:
            a, before = project_one(x), state[1]
            own = (v * before).reshape(2 * n_a, -1)
            f, r = np.split(sigmoid(own + a[n_a : 3 * n_a]), 2)
            c, h = a[:n_a] + f * (before - a[:n_a]), np.empty_like(before)
            self._read(c, r, a[3 * n_a :], h)
            return h, c

        return step

    def compiled(self, threads: int) -> Any:
        """The same in compiled kernels."""
        from rnnx_zoo.kernels.diagonal import CompiledSRU

        return CompiledSRU(threads, self._alpha)

    def backward(
        self, params: Params, cache: Cache, dh: Array, dstate: State | None, scratch: Scratch
    ) -> tuple[Params, Array | None, State]:
        (T, n_a, B), v = dh.shape, params["v"]
        x, cs, gates, passed, lengths = cache
        dh_valid = zero_padding(dh, lengths, "dh", scratch)
        ends = FinalGradient(dstate, lengths, T)
        dz = scratch.array("dz", gates.shape, cs.dtype)
        d_s = dz[:, 3 * n_a :]
        if dz.shape[1] == 3 * n_a:
            d_s = scratch.array("d_s", dh.shape, cs.dtype)
        dv = np.zeros_like(v)
        back, initial = np.zeros((n_a, B), cs.dtype), np.zeros((n_a, B), cs.dtype)
        for start, stop in tiles(T, gates[0].nbytes):
            for t in range(stop - 1, start - 1, -1):
                d = dh_valid[t]
                if (final := ends.at(t)) is not None:
                    d, back = d + final[0], back + final[1]
                back = self._back(v, gates[t], cs[t : t + 2], passed[t], d, back, dz[t], d_s[t])
            steps = dz[start:stop, n_a : 3 * n_a].reshape(-1, 2, n_a, B)
            dv += np.einsum("tknb,tnb->kn", steps, cs[start:stop]).reshape(-1, 1)
        if (final := ends.at(-1)) is not None:
            initial, back = initial + final[0], back + final[1]
        dWx, db = weight_gradients(dz, x, params["Wx"].shape[1], lengths, scratch)
        dx = input_gradient(params["Wx"], dz, x, scratch)
        if dx is not None and dz.shape[1] == 3 * n_a:
            dx += d_s
        return {"Wx": dWx, "b": db[n_a : 3 * n_a], "v": dv}, dx, (initial, back)

    def _back(
        self,
        v: Array,
        gates: Array,
        cs: Array,
        s: Array,
        dh: Array,
        back: Array,
        dz: Array,
        d_s: Array,
    ) -> Array:
        """One step back: fills dz of the blocks u, f, r, and d_s; the gradient by c⟨t−1⟩."""
        n_a, alpha = self.hidden_size, self._alpha
        u, f, r = gates[:n_a], gates[n_a : 2 * n_a], gates[2 * n_a : 3 * n_a]
        du, df, dr = dz[:n_a], dz[n_a : 2 * n_a], dz[2 * n_a : 3 * n_a]
        through = dh * r
        dc = back + through
        np.subtract(dh, through, out=d_s)
        np.multiply(s, -alpha, out=dr)
        dr += cs[1]
        dr *= through
        dr *= 1 - r
        d_s *= alpha
        kept: Array = dc * f
        np.subtract(dc, kept, out=du)
        np.subtract(cs[0], u, out=df)
        df *= kept
        df *= 1 - f
        kept += v[:n_a] * df
        kept += v[n_a:] * dr
        return kept
