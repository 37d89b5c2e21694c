"""minLSTM (Feng et al. 2024, "Were RNNs All We Needed?"): two gates that see the input alone.

    f, i = σ(Wx·x⟨t⟩ + b)                   blocks f, i: f keeps, i writes
    n    = g(Wx·x⟨t⟩ + b)                   block n: the candidate
    h⟨t⟩ = (f ⊙ h⟨t−1⟩ + i ⊙ n) / (f + i)   g(a) = a + ½ where a ≥ 0, σ(a) below

    Wx (3·n_a, n_x) · b (3·n_a, 1) · state (h,)

The rows are the blocks f, i, n. What keeps and what writes add up to 1 after the division, so h is
a leaky average as minGRU's, with z = i / (f + i). With ε_f = e^(−a_f) and ε_i = e^(−a_i) of the
sums a_f and a_i before the gates,

    f / (f + i) = (1 + ε_i) / (2 + ε_f + ε_i)

which is a number also where both gates are closed to within rounding, and 0 / 0 as it stands.

Weights and biases begin U(±1/√n_x), PyTorch's default for nn.Linear, as in BorealisAI/minRNNs,
the official code, whose AdamW spares this layer from weight decay; forget_bias is its
forget_bias_init_scale. The published layer around the cell is `block=mingru`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State
from rnnx.contracts import Group
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
from rnnx_zoo.diagonal import (
    Back,
    pieces,
    positive,
    positive_slope,
    projected,
    recur,
    weight_gradients,
)


class Cache(NamedTuple):
    x: Array  # (T, B) ids or (T, n_x, B)
    hs: Array  # (T + 1, n_a, B), hs[0] the initial state
    gates: Array  # (T, 3·n_a, B): ε_f, ε_i, n
    keep: Array  # (T, n_a, B): f / (f + i)
    lengths: Array | None  # (B,)


@dataclass(frozen=True)
class MinLSTM:
    """A leaky average of candidates: two gates from the input alone share out what counts."""

    golden: ClassVar[tuple[str, ...]] = ("golden/min_lstm.json",)
    gate_words: ClassVar[dict[str, GateWords]] = {
        "f": GateWords("keeps h⟨t−1⟩", "forgets it"),
        "i": GateWords("writes the candidate n", "writes nothing"),
    }

    hidden_size: int = 128
    """n_a, units, at least 1."""
    forget_bias: float = 0.0
    """Added to the bias of f at the start: above 0 it remembers longer. Finite."""

    def __post_init__(self) -> None:
        require(self.hidden_size >= 1, "hidden_size", "at least 1", self.hidden_size)
        require(math.isfinite(self.forget_bias), "forget_bias", "finite", self.forget_bias)

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> Params:
        n, bound = 3 * self.hidden_size, n_x**-0.5
        Wx, b = rng.uniform(-bound, bound, (n, n_x)), rng.uniform(-bound, bound, (n, 1))
        b[: self.hidden_size] += self.forget_bias
        return {"Wx": Wx.astype(dtype), "b": b.astype(dtype)}

    def parameter_groups(self) -> Mapping[str, Group]:
        return {"*": Group(decay=False)}

    def initial_state(self, B: int, dtype: npt.DTypeLike) -> State:
        return (np.zeros((self.hidden_size, B), dtype),)

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Cache]:
        T, n_a = len(x), self.hidden_size
        gates = projected(params["Wx"], params["b"], x, lengths, scratch)
        hs = begin_states(state[0], "hs", T, scratch, params)
        keep = scratch.array("keep", hs[1:].shape, hs.dtype)
        for start, stop in pieces(T, gates[0].nbytes):
            kept, written = keep[start:stop], hs[start + 1 : stop + 1]
            _shares(gates[start:stop, : 2 * n_a], kept)
            np.subtract(1, kept, out=written)
            written *= positive(gates[start:stop, 2 * n_a :], scratch)
            recur(keep, hs, start, stop, scratch)
        final = last_valid(hs[1:], hs[0], lengths)
        h = zero_padding(hs[1:], lengths, "h", scratch)
        return h, (final,), Cache(x, hs, gates, keep, lengths)

    def gates(self, cache: Cache) -> Params:
        """f / (f + i) and i / (f + i), which add up to 1."""
        return {"f": cache.keep, "i": 1 - cache.keep}

    def stream(self, params: Params, scratch: Scratch) -> Callable[[Array, State], State]:
        n_a, project_one = self.hidden_size, step_projection(params["Wx"], params["b"])

        def step(x: Array, state: State) -> State:
            a = project_one(x)
            keep = np.empty_like(state[0])
            _shares(a[: 2 * n_a].copy(), keep)
            n = positive(a[2 * n_a :].copy(), scratch)
            return (keep * state[0] + (1 - keep) * n,)

        return step

    def compiled(self, threads: int) -> Any:
        """The same in compiled kernels."""
        from rnnx_zoo.kernels.diagonal import CompiledGates
        from rnnx_zoo.kernels.diagonal_loop import MIN_LSTM

        return CompiledGates(threads, MIN_LSTM)

    def backward(
        self, params: Params, cache: Cache, dh: Array, dstate: State | None, scratch: Scratch
    ) -> tuple[Params, Array | None, State]:
        T, n_a, B = dh.shape
        x, hs, gates, keep, lengths = cache
        dh = zero_padding(dh, lengths, "dh", scratch)
        back = Back(keep, dh, FinalGradient(dstate, lengths, T))
        dz = scratch.array("dz", (T, 3 * n_a, B), hs.dtype)
        for start, stop in tiles(T, gates[0].nbytes):
            d = back.piece(start, stop, scratch)
            e, n, kept = (
                gates[start:stop, : 2 * n_a],
                gates[start:stop, 2 * n_a :],
                keep[start:stop],
            )
            by_n, by_gates = dz[start:stop, 2 * n_a :], dz[start:stop, : 2 * n_a]
            d_n = np.subtract(1, kept, out=scratch.array("d_n", d.shape, d.dtype))
            d_n *= d
            np.multiply(d_n, positive_slope(n, "slope", scratch), out=by_n)
            d_n *= kept
            d_n *= np.subtract(hs[start:stop], n, out=d)  # by ln f − ln i
            # d ln σ(a) / da = 1 − σ(a) = ε / (1 + ε)
            rest = np.add(e, 1, out=scratch.array("rest", e.shape, e.dtype))
            np.divide(e, rest, out=by_gates)
            by_gates[:, :n_a] *= d_n
            by_gates[:, n_a:] *= np.negative(d_n, out=d_n)
        n_x = params["Wx"].shape[1]
        dWx, db = weight_gradients(dz, x, n_x, lengths, scratch)
        dx = input_gradient(params["Wx"], dz, x, scratch)
        return {"Wx": dWx, "b": db}, dx, (back.initial(),)


def _shares(sums: Array, keep: Array) -> None:
    """sums (…, 2·n_a, B) of f and i become ε_f and ε_i, and ``keep`` (…, n_a, B) f / (f + i)."""
    n_a = keep.shape[-2]
    most = 0.9 * math.log(np.finfo(sums.dtype).max)  # a sum of two ε is still a number
    e = np.negative(sums, out=sums)
    np.exp(np.clip(e, -most, most, out=e), out=e)
    of_f, of_i = e[..., :n_a, :], e[..., n_a:, :]
    np.add(of_i, 1, out=keep)
    keep /= keep + 1 + of_f
