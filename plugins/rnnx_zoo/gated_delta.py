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
keeps, a = 0 clears. h is read out and has no say in the next step.

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
from rnnx.padding import FinalGradient, last_valid
from rnnx_builtin.numerics.one_step import step_projection
from rnnx_builtin.numerics.whole_sequence import input_gradient, zero_padding
from rnnx_zoo.diagonal import projected, weight_gradients
from rnnx_zoo.matrix import (
    add_outer,
    at_the_end,
    by_column,
    by_unit,
    column_first,
    column_last,
    dot,
    row_times,
    times_column,
)
from rnnx_zoo.sigmoid import sigmoid

EPSILON = 1e-6  # beside |k|²: a key of zeros stays zero


class Factors(NamedTuple):
    """What each step does to the memory, of all steps, columns and heads."""

    q: Array  # (T, B, heads, d): q / √d
    k: Array  # (T, B, heads, d): of length 1
    scale: Array  # (T, B, heads, 1): 1 / |k| before
    v: Array  # (T, B, heads, d)
    beta: Array  # (T, B, heads)
    a: Array | None  # (T, B, heads)
    rate: Array | None  # (T, B, heads): softplus(…), a = exp(−e^A · rate)
    opened: Array | None  # (T, B, heads): its slope


class Cache(NamedTuple):
    x: Array  # (T, B) ids or (T, n_x, B)
    factors: Factors
    memory: Array  # (T + 1, B, heads, d, d), the initial one first
    errors: Array  # (T, B, heads, d): e
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
        return np.zeros((self.hidden_size, B), dtype), np.zeros((self.heads, d, d, B), dtype)

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Cache]:
        T, B, n_a = len(x), state[0].shape[1], self.hidden_size
        sums = projected(params["Wx"], self._biases(params), x, lengths, scratch)
        f = self._factors(params, sums)
        d, dtype = f.k.shape[-1], f.k.dtype
        memory = scratch.array("memory", (T + 1, B, self.heads, d, d), dtype)
        errors, read = np.empty_like(f.v), np.empty_like(f.v)
        memory[0], spare = column_first(state[1]), np.empty(memory.shape[1:], dtype)
        for t in range(T):
            S = memory[t + 1]
            if f.a is None:
                np.copyto(S, memory[t])
            else:
                np.multiply(memory[t], f.a[t, ..., None, None], out=S)
            np.subtract(f.v[t], row_times(f.k[t], S), out=errors[t])
            add_outer(S, f.k[t], f.beta[t, ..., None] * errors[t], spare)
            read[t] = row_times(f.q[t], S)
        h = by_unit(read, scratch.array("h_all", (T, n_a, B), dtype))
        finals = (last_valid(h, state[0], lengths), at_the_end(memory, lengths))
        cache = Cache(x, f, memory, errors, lengths)
        return zero_padding(h, lengths, "h", scratch), finals, cache

    def _biases(self, params: Params) -> Array:
        """A bias for each row of Wx."""
        b = params["b"]
        return np.concatenate([np.zeros((3 * self.hidden_size, 1), b.dtype), b])

    def _factors(self, params: Params, sums: Array) -> Factors:
        """From the sums (T, rows of Wx, B)."""
        n_a, heads = self.hidden_size, self.heads
        q, k, v = (by_column(part, heads) for part in np.split(sums[:, : 3 * n_a], 3, axis=1))
        q *= (n_a // heads) ** -0.5
        scale = 1 / np.sqrt(dot(k, k) + EPSILON)[..., None]
        k *= scale
        gates = np.ascontiguousarray(sums[:, 3 * n_a :].transpose(0, 2, 1))
        beta = sigmoid(gates[..., :heads].copy())
        beta *= self._sigmas
        if not self.decay:
            return Factors(q, k, scale, v, beta, None, None, None)
        rate = np.logaddexp(0, gates[..., heads:])
        a = np.exp(-np.exp(params["A"][:, 0]) * rate)
        return Factors(q, k, scale, v, beta, a, rate, sigmoid(gates[..., heads:]))

    def gates(self, cache: Cache) -> Params:
        """β (without the factor 2) and a, of the head of each unit."""
        f, d = cache.factors, self.hidden_size // self.heads
        found = {"b": f.beta / self._sigmas} | ({} if f.a is None else {"a": f.a})
        return {name: np.repeat(g.transpose(0, 2, 1), d, axis=1) for name, g in found.items()}

    def stream(self, params: Params, scratch: Scratch) -> Callable[[Array, State], State]:
        project_one = step_projection(params["Wx"], self._biases(params))

        def step(x: Array, state: State) -> State:
            f = self._factors(params, project_one(x)[None].copy())
            S = np.array(column_first(state[1]), order="C")
            if f.a is not None:
                S *= f.a[0, ..., None, None]
            e = f.v[0] - row_times(f.k[0], S)
            add_outer(S, f.k[0], f.beta[0, ..., None] * e, np.empty_like(S))
            h = by_unit(row_times(f.q[0], S)[None], np.empty((1, *state[0].shape), S.dtype))
            return h[0], column_last(S)

        return step

    def backward(
        self, params: Params, cache: Cache, dh: Array, dstate: State | None, scratch: Scratch
    ) -> tuple[Params, Array | None, State]:
        (T, n_a, B), f, lengths = dh.shape, cache.factors, cache.lengths
        dh = zero_padding(dh, lengths, "dh", scratch)
        ends = FinalGradient(dstate, lengths, T)
        by_h = by_column(dh, self.heads)
        dq, dk, dv = (np.empty_like(f.k) for _ in range(3))
        d_beta, d_decay = np.empty_like(f.beta), np.empty_like(f.beta)
        dS, spare = (np.zeros(cache.memory.shape[1:], dh.dtype) for _ in range(2))
        for t in range(T - 1, -1, -1):
            if (final := ends.at(t)) is not None:
                by_h[t] += by_column(final[0][None], self.heads)[0]
                dS += column_first(final[1])
            dq[t], dk[t], dv[t], d_beta[t], d_decay[t] = _back(cache, t, by_h[t], dS, spare)
        initial = np.zeros((n_a, B), dh.dtype)
        d_memory = column_last(dS)
        if (final := ends.at(-1)) is not None:
            initial, d_memory = initial + final[0], d_memory + final[1]
        dz, dA = self._by_sums(params, f, (dq, dk, dv), (d_beta, d_decay), scratch)
        dWx, db = weight_gradients(dz, cache.x, params["Wx"].shape[1], lengths, scratch)
        dparams = {"Wx": dWx, "b": db[3 * n_a :], **dA}
        return dparams, input_gradient(params["Wx"], dz, cache.x, scratch), (initial, d_memory)

    def _by_sums(
        self, params: Params, f: Factors, vectors: State, gates: State, scratch: Scratch
    ) -> tuple[Array, Params]:
        """dz (T, rows of Wx, B), and the gradient of A."""
        n_a, heads, (dq, dk, dv), (d_beta, d_decay) = self.hidden_size, self.heads, vectors, gates
        T, B = f.beta.shape[:2]
        dz = scratch.array("dz", (T, len(params["Wx"]), B), dq.dtype)
        dq *= (n_a // heads) ** -0.5
        dk -= f.k * dot(dk, f.k)[..., None]  # along k itself its length does not change
        dk *= f.scale
        for block, d in enumerate((dq, dk, dv)):
            by_unit(d, dz[:, block * n_a : (block + 1) * n_a])
        d_beta *= f.beta * (1 - f.beta / self._sigmas)
        by_unit(d_beta[..., None], dz[:, 3 * n_a : 3 * n_a + heads])
        if f.a is None or f.rate is None or f.opened is None:
            return dz, {}
        d_decay *= f.a  # by ln a = −e^A · rate
        steepness = -np.exp(params["A"])
        dA = steepness * (d_decay * f.rate).sum(axis=(0, 1))[:, None]
        d_decay *= steepness[:, 0] * f.opened
        by_unit(d_decay[..., None], dz[:, 3 * n_a + heads :])
        return dz, {"A": dA}


def _back(cache: Cache, t: int, by_h: Array, dS: Array, spare: Array) -> State:
    """One step back: dS becomes the gradient by the memory before it; by q, k, v, β and a."""
    f, e, before = cache.factors, cache.errors[t], cache.memory[t]
    k, beta = f.k[t], f.beta[t, ..., None]
    add_outer(dS, f.q[t], by_h, spare)
    dq = times_column(cache.memory[t + 1], by_h)
    by_written = row_times(k, dS)
    dk = times_column(dS, beta * e)
    d_beta, de = dot(by_written, e), by_written * beta
    add_outer(dS, k, -de, spare)
    seen = times_column(before, de)
    if f.a is None:
        return dq, dk - seen, de, d_beta, np.zeros_like(d_beta)
    a = f.a[t, ..., None]
    d_a = np.einsum("bhkv,bhkv->bh", dS, before)
    dS *= a[..., None]
    return dq, dk - a * seen, de, d_beta, d_a
