"""minGRU (Feng et al. 2024, "Were RNNs All We Needed?"): a GRU whose gate sees the input alone.

    z    = σ(Wx·x⟨t⟩ + b)                   block z: the gate, which writes
    n    = g(Wx·x⟨t⟩ + b)                   block n: the candidate
    h⟨t⟩ = (1 − z) ⊙ h⟨t−1⟩ + z ⊙ n         g(a) = a + ½ where a ≥ 0, σ(a) below

    Wx (2·n_a, n_x) · b (2·n_a, 1) · state (h,)

The rows are the blocks z, n. z = 1 writes and z = 0 keeps, as in the paper; in the GRU of cuDNN,
PyTorch and rnnx z = 1 keeps. g is positive, so h stays so, and all of it has a logarithm: the
paper's parallel form needs that, and this loop gives the same numbers without it.

Weights and biases begin U(±1/√n_x), PyTorch's default for nn.Linear, as in BorealisAI/minRNNs,
the official code, whose AdamW spares this layer from weight decay. lucidrains/minGRU-pytorch has no
bias; that is b = 0. The published layer around the cell is `block=mingru`.
"""

from __future__ import annotations

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
from rnnx_zoo.sigmoid import sigmoid


class Cache(NamedTuple):
    x: Array  # (T, B) ids or (T, n_x, B)
    hs: Array  # (T + 1, n_a, B), hs[0] the initial state
    gates: Array  # (T, 2·n_a, B): z, n after their activations
    keep: Array  # (T, n_a, B): 1 − z
    lengths: Array | None  # (B,)


@dataclass(frozen=True)
class MinGRU:
    """A leaky average of candidates: a gate from the input alone says how much each counts."""

    golden: ClassVar[tuple[str, ...]] = ("golden/min_gru.json",)
    gate_words: ClassVar[dict[str, GateWords]] = {
        "z": GateWords(
            "writes the candidate n",
            "keeps h⟨t−1⟩",
            "h⟨t⟩ = (1 − z) ⊙ h⟨t−1⟩ + z ⊙ n, as Feng et al. 2024",
            "h⟨t⟩ = z ⊙ h⟨t−1⟩ + (1 − z) ⊙ n, as a GRU of PyTorch or Keras: its z is 1 − z here",
        ),
    }

    hidden_size: int = 128
    """n_a, units, at least 1."""

    def __post_init__(self) -> None:
        require(self.hidden_size >= 1, "hidden_size", "at least 1", self.hidden_size)

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> Params:
        n, bound = 2 * self.hidden_size, n_x**-0.5
        Wx = rng.uniform(-bound, bound, (n, n_x)).astype(dtype)
        return {"Wx": Wx, "b": rng.uniform(-bound, bound, (n, 1)).astype(dtype)}

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
            z = sigmoid(gates[start:stop, :n_a])
            n = positive(gates[start:stop, n_a:], scratch)
            np.subtract(1, z, out=keep[start:stop])
            np.multiply(z, n, out=hs[start + 1 : stop + 1])
            recur(keep, hs, start, stop, scratch)
        final = last_valid(hs[1:], hs[0], lengths)
        h = zero_padding(hs[1:], lengths, "h", scratch)
        return h, (final,), Cache(x, hs, gates, keep, lengths)

    def gates(self, cache: Cache) -> Params:
        return {"z": cache.gates[:, : self.hidden_size]}

    def stream(self, params: Params, scratch: Scratch) -> Callable[[Array, State], State]:
        n_a, project_one = self.hidden_size, step_projection(params["Wx"], params["b"])

        def step(x: Array, state: State) -> State:
            a = project_one(x)
            z = sigmoid(a[:n_a].copy())
            n = positive(a[n_a:].copy(), scratch)
            return (state[0] * (1 - z) + z * n,)

        return step

    def compiled(self, threads: int) -> Any:
        """The same in compiled kernels."""
        from rnnx_zoo.kernels.diagonal import CompiledGates
        from rnnx_zoo.kernels.diagonal_loop import MIN_GRU

        return CompiledGates(threads, MIN_GRU)

    def backward(
        self, params: Params, cache: Cache, dh: Array, dstate: State | None, scratch: Scratch
    ) -> tuple[Params, Array | None, State]:
        T, n_a, B = dh.shape
        x, hs, gates, keep, lengths = cache
        dh = zero_padding(dh, lengths, "dh", scratch)
        back = Back(keep, dh, FinalGradient(dstate, lengths, T))
        dz = scratch.array("dz", (T, 2 * n_a, B), hs.dtype)
        for start, stop in tiles(T, gates[0].nbytes):
            d = back.piece(start, stop, scratch)
            z, n = gates[start:stop, :n_a], gates[start:stop, n_a:]
            by_z, by_n = dz[start:stop, :n_a], dz[start:stop, n_a:]
            d_z = np.multiply(d, z, out=scratch.array("d_z", d.shape, d.dtype))
            np.multiply(d_z, positive_slope(n, "slope", scratch), out=by_n)
            np.subtract(n, hs[start:stop], out=by_z)
            by_z *= d_z
            by_z *= keep[start:stop]
        n_x = params["Wx"].shape[1]
        dWx, db = weight_gradients(dz, x, n_x, lengths, scratch)
        dx = input_gradient(params["Wx"], dz, x, scratch)
        return {"Wx": dWx, "b": db}, dx, (back.initial(),)
