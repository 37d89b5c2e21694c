"""Gated DeltaNet (Yang et al. 2025), DeltaNet, and their form with negative eigenvalues.

    q, k, v = Wx·x⟨t⟩,   k ← k / |k|           question, key and value of each head
    β    = σ(Wx·x⟨t⟩ + b), or 2·σ(…)           how much of what k finds is replaced
    a    = exp(−e^A · softplus(Wx·x⟨t⟩ + b))   how much of the memory stays, 0 … 1
    e    = v − (a·S⟨t−1⟩)ᵀ·k                   what the memory gets wrong
    S⟨t⟩ = a·S⟨t−1⟩ + k·(β·e)ᵀ                 S (d, d) for each head, d = n_a / heads
    h⟨t⟩ = S⟨t⟩ᵀ·q / √d

    Wx (3·n_a + 2·heads, n_x) · b (2·heads, 1) · A (heads, 1) · state (h, S (heads, d, d, B))
    with decay=false: Wx (3·n_a + heads, n_x) · b (heads, 1), and no A

The rows of Wx are the blocks q, k, v, β, a, those of b β, a. β = 1 replaces, β = 0 keeps; a = 1
keeps, a = 0 clears. h is read out and has no say in the next step, so nothing of one step waits for
another but S: it is computed over many steps at once (rnnx_zoo.delta_memory).

S⟨t⟩ is (I − β·k·kᵀ)·a·S⟨t−1⟩ plus what is new, so along k the memory is multiplied by a·(1 − β):
by 0 … 1 with β = σ, by −1 … 1 with 2·σ (Grazzi et al. 2024). A reflection can turn what it holds
around, once for each 1 of a bit string: it has the parity, which no product of numbers 0 … 1 has.

flash-linear-attention is followed: k divided by √(|k|² + 1e-6), q by √d, Mamba-2's a. Its layer
has more around this: convolutions and SiLU before q, k and v, q of length 1, a norm and a gate
after h. decay=false is DeltaNet (Schlag et al. 2021, Yang et al. 2024): a = 1.
Initialisation: Wx N(0, 1/n_x), the bias of β 0; e^A is uniform on 0 … 16 and softplus of the bias
of a log-uniform on 0.001 … 0.1, both without weight decay.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State
from rnnx.contracts import Group
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.ranges import require
from rnnx.contracts.self_description import GateWords
from rnnx.padding import last_valid, mask
from rnnx_builtin.numerics.one_step import step_projection
from rnnx_builtin.numerics.whole_sequence import input_gradient, zero_padding
from rnnx_zoo.delta_memory import Found, Solved, Steps, run, run_back
from rnnx_zoo.diagonal import projected, weight_gradients
from rnnx_zoo.matrix import by_step, column_first, column_last, dot, gradients_by_h, heads_first
from rnnx_zoo.sigmoid import sigmoid

EPSILON = 1e-6  # beside |k|²: a key of zeros stays zero


class Slopes(NamedTuple):
    """How the steps depend on the sums."""

    scale: Array  # (B, heads, T, 1): 1 / |k| before
    rate: Array | None  # (B, heads, T): softplus(…), a = exp(−e^A · rate); 0 beyond a column's end
    opened: Array | None  # (B, heads, T): its slope, likewise


class Cache(NamedTuple):
    x: Array  # (T, B) ids or (T, n_x, B)
    steps: Steps
    slopes: Slopes
    chunks: list[Solved]
    lengths: Array | None  # (B,)


@dataclass(frozen=True)
class GatedDelta:
    """A memory of keys and values that replaces what it held under a key by what is new."""

    golden: ClassVar[tuple[str, ...]] = (
        "golden/gated_delta.json",
        "golden/gated_delta_negative.json",
    )
    gate_words: ClassVar[dict[str, GateWords]] = {
        "b": GateWords("replaces by v what S holds under k", "leaves it"),
        "a": GateWords("keeps S⟨t−1⟩", "clears it"),
    }

    hidden_size: int = 64
    """n_a, units, at least 1. The memory has n_a² / heads numbers a column, at every step."""
    heads: int = 1
    """How many memories of their own, at least 1; they divide hidden_size."""
    negative_eigenvalues: bool = False
    """β = 2·σ in place of σ: a step may also reflect what the memory holds."""
    decay: bool = True
    """Whether the memory fades by a; false: a = 1, DeltaNet."""

    def __post_init__(self) -> None:
        require(self.hidden_size >= 1, "hidden_size", "at least 1", self.hidden_size)
        divides = self.heads >= 1 and self.hidden_size % self.heads == 0
        require(divides, "heads", f"a divisor of hidden_size={self.hidden_size}", self.heads)

    @property
    def _sigmas(self) -> float:
        return 2.0 if self.negative_eigenvalues else 1.0

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> Params:
        n_a, heads = self.hidden_size, self.heads
        gates = 2 * heads if self.decay else heads
        b = np.zeros((gates, 1))
        params = {"Wx": rng.normal(scale=n_x**-0.5, size=(3 * n_a + gates, n_x)), "b": b}
        if self.decay:
            rate = np.exp(rng.uniform(math.log(0.001), math.log(0.1), (heads, 1)))
            b[heads:] = np.log(np.expm1(rate))
            params["A"] = np.log(16 * (1 - rng.uniform(size=(heads, 1))))
        return {name: array.astype(dtype) for name, array in params.items()}

    def parameter_groups(self) -> Mapping[str, Group]:
        return {name: Group(decay=False) for name in (("A", "b") if self.decay else ("b",))}

    def multiplications(self, n_x: int) -> int:
        """Those with Wx, and three for each number of S, to compare, write and read, or four."""
        n_a, heads = self.hidden_size, self.heads
        rows = 3 * n_a + (2 * heads if self.decay else heads)
        return rows * n_x + (4 if self.decay else 3) * n_a * (n_a // heads)

    def initial_state(self, B: int, dtype: npt.DTypeLike) -> State:
        d = self.hidden_size // self.heads
        S = column_last(np.zeros((B, self.heads, d, d), dtype))
        return np.zeros((self.hidden_size, B), dtype), S

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Cache]:
        T, B, n_a = len(x), state[0].shape[1], self.hidden_size
        sums = projected(params["Wx"], self._biases(params), x, lengths, scratch)
        steps, slopes = self._steps(params, sums, lengths)
        read, S, chunks = run(steps, column_first(state[1]))
        h = by_step(read, scratch.array("h_all", (T, n_a, B), read.dtype))
        final = last_valid(h, state[0], lengths), column_last(S)
        cache = Cache(x, steps, slopes, chunks, lengths)
        return zero_padding(h, lengths, "h", scratch), final, cache

    def _biases(self, params: Params) -> Array:
        """A bias for each row of Wx."""
        b = params["b"]
        return np.concatenate([np.zeros((3 * self.hidden_size, 1), b.dtype), b])

    def _steps(self, params: Params, sums: Array, lengths: Array | None) -> tuple[Steps, Slopes]:
        """From the sums (T, rows of Wx, B)."""
        n_a, heads = self.hidden_size, self.heads
        q, k, v = (heads_first(part, heads) for part in np.split(sums[:, : 3 * n_a], 3, axis=1))
        q *= (n_a // heads) ** -0.5
        scale = 1 / np.sqrt(dot(k, k) + EPSILON)[..., None]
        k *= scale
        gates = np.ascontiguousarray(sums[:, 3 * n_a :].transpose(2, 1, 0))  # (B, ·, T)
        beta = sigmoid(gates[:, :heads].copy())
        beta *= self._sigmas
        rate = opened = None
        if self.decay:
            rate = np.logaddexp(0, gates[:, heads:])
            opened = sigmoid(gates[:, heads:])
        if lengths is not None:  # beyond its end a column's memory stays
            is_valid = mask(lengths, len(sums)).T[:, None]
            beta = beta * is_valid
            if rate is not None and opened is not None:
                rate, opened = rate * is_valid, opened * is_valid
        ln_a = None if rate is None else -np.exp(params["A"]) * rate
        return Steps(q, k, v, beta, ln_a), Slopes(scale, rate, opened)

    def gates(self, cache: Cache) -> Params:
        """β (without the factor 2) and a, of the head of each unit."""
        steps, d = cache.steps, self.hidden_size // self.heads
        found = {"b": steps.beta / self._sigmas}
        if steps.ln_a is not None:
            found["a"] = np.exp(steps.ln_a)
        return {name: np.repeat(g.transpose(2, 1, 0), d, axis=1) for name, g in found.items()}

    def stream(self, params: Params, scratch: Scratch) -> Callable[[Array, State], State]:
        project_one = step_projection(params["Wx"], self._biases(params))

        def step(x: Array, state: State) -> State:
            steps, _ = self._steps(params, project_one(x)[None], None)
            read, S, _ = run(steps, column_first(state[1]))
            h = by_step(read, np.empty((1, *state[0].shape), S.dtype))
            return h[0], column_last(S)

        return step

    def backward(
        self, params: Params, cache: Cache, dh: Array, dstate: State | None, scratch: Scratch
    ) -> tuple[Params, Array | None, State]:
        (_, n_a, B), lengths = dh.shape, cache.lengths
        by_h, dh0 = gradients_by_h(dh, dstate, lengths, scratch)
        # Beyond its end a column's memory stays, so its gradient is that after the last step.
        _, dS = dstate or self.initial_state(B, dh.dtype)
        by_read = heads_first(by_h, self.heads)
        back = run_back(cache.steps, cache.chunks, by_read, column_first(dS))
        dz, dA = self._by_sums(params, cache, back, scratch)
        dWx, db = weight_gradients(dz, cache.x, params["Wx"].shape[1], lengths, scratch)
        dparams = {"Wx": dWx, "b": db[3 * n_a :], **dA}
        dx = input_gradient(params["Wx"], dz, cache.x, scratch)
        return dparams, dx, (dh0, column_last(back.S))

    def _by_sums(
        self, params: Params, cache: Cache, back: Found, scratch: Scratch
    ) -> tuple[Array, Params]:
        """dz (T, rows of Wx, B), and the gradient of A."""
        n_a, heads, k, beta = self.hidden_size, self.heads, cache.steps.k, cache.steps.beta
        (scale, rate, opened), (B, _, T, d) = cache.slopes, k.shape
        dz = scratch.array("dz", (T, len(params["Wx"]), B), k.dtype)
        dk = back.k - k * dot(back.k, k)[..., None]  # along k itself its length does not change
        for block, by in enumerate((back.q * d**-0.5, dk * scale, back.v)):
            by_step(by, dz[:, block * n_a : (block + 1) * n_a])
        by_beta = back.ln_beta * (1 - beta / self._sigmas)
        dz[:, 3 * n_a : 3 * n_a + heads] = by_beta.transpose(2, 1, 0)
        if rate is None or opened is None:
            return dz, {}
        steepness = -np.exp(params["A"])  # ln a = −e^A · rate
        dz[:, 3 * n_a + heads :] = (back.ln_a * steepness * opened).transpose(2, 1, 0)
        return dz, {"A": steepness * (back.ln_a * rate).sum(axis=(0, 2))[:, None]}
