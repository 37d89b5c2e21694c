"""mLSTM (Beck et al. 2024, "xLSTM"): a matrix memory behind exponential gates, for each head.

    q, k, v = Wx·x⟨t⟩                                  question, key and value
    i, f = Wg·[q; k; v] + bg                           one number a head each
    m⟨t⟩ = max(i, m⟨t−1⟩ + ln σ(f))                    the stabiliser
    i′   = e^(i − m⟨t⟩),  f′ = e^(m⟨t−1⟩ + ln σ(f) − m⟨t⟩)
    C⟨t⟩ = f′·C⟨t−1⟩ + i′·k·vᵀ / √d                    C (d, d) for each head, d = n_a / heads
    n⟨t⟩ = f′·n⟨t−1⟩ + i′·k / √d                       the normaliser
    h⟨t⟩ = σ(o) ⊙ C⟨t⟩ᵀ·q / (max(|n⟨t⟩·q|, e^−m⟨t⟩) + 1e-6),   o = Wx·x⟨t⟩ + b

    Wx (4·n_a, n_x) · b (n_a, 1) · Wg (2·heads, 3·n_a) · bg (2·heads, 1)
    state (h, C (heads, d, d, B), n (n_a, B), m (heads, B)), all 0 at the start

The rows of Wx are the blocks q, k, v, o, those of Wg and bg i, f: f = ∞ keeps, i = ∞ overwrites.
The gates see the input alone and h is read out, so nothing of one step waits for another but C, n.
m changes nothing but the scale of C and n, as in sLSTM; e^−m is 1 on the scale without it.

NX-AI/xlstm, the official code, is followed (its recurrent step, 1e-6 included); C has keys by row
and values by column, as there. The gate o is the paper's: in the code it is the block's SiLU branch
behind a norm by head. That layer around the cell is `block=xlstm`.
Initialisation: Wx N(0, 2/(5·n_x)), b 0, Wg 0, the bias of i N(0, 0.1²), that of f 3 … 6 over the
heads (3 for one).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.ranges import require
from rnnx.contracts.self_description import GateWords
from rnnx.padding import FinalGradient, last_valid
from rnnx_builtin.numerics.one_step import step_projection
from rnnx_builtin.numerics.whole_sequence import (
    Dense,
    One,
    input_gradient,
    sum_products,
    zero_padding,
)
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

EPSILON = 1e-6
LARGEST = 60.0  # exponent of e^−m: beyond it h is 0 to within rounding


class Factors(NamedTuple):
    """What each step does to the memory, of all steps, columns and heads."""

    q: Array  # (T, B, heads, d)
    k: Array  # (T, B, heads, d): k / √d
    v: Array  # (T, B, heads, d)
    i: Array  # (T, B, heads): i′
    f: Array  # (T, B, heads): f′
    opened: Array  # (T, B, heads): 1 − σ(f)
    m: Array  # (T + 1, B, heads), the initial one first


class Cache(NamedTuple):
    x: Array  # (T, B) ids or (T, n_x, B)
    sums: Array  # (T, 4·n_a, B): q, k, v, σ(o)
    factors: Factors
    memory: Array  # (T + 1, B, heads, d, d), the initial one first
    normalisers: Array  # (T + 1, B, heads, d)
    by_norm: Array  # (T, B, heads): n·q
    below: Array  # (T, B, heads): what Cᵀ·q is divided by
    read: Array  # (T, B, heads, d): h before σ(o)
    lengths: Array | None  # (B,)


@dataclass(frozen=True)
class MLSTM:
    """A memory of keys and values that fades as a whole; the input alone opens its gates."""

    golden: ClassVar[tuple[str, ...]] = ("golden/mlstm.json",)
    gate_words: ClassVar[dict[str, GateWords]] = {
        "f": GateWords("keeps C⟨t−1⟩", "forgets it"),
        "o": GateWords("shows what is read from C in h", "hides it"),
    }

    hidden_size: int = 64
    """n_a, units, at least 1. The memory has n_a² / heads numbers a column, at every step."""
    heads: int = 1
    """How many memories of their own, at least 1; they divide hidden_size."""

    def __post_init__(self) -> None:
        require(self.hidden_size >= 1, "hidden_size", "at least 1", self.hidden_size)
        divides = self.heads >= 1 and self.hidden_size % self.heads == 0
        require(divides, "heads", f"a divisor of hidden_size={self.hidden_size}", self.heads)

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> Params:
        n_a, heads = self.hidden_size, self.heads
        params = {
            "Wx": rng.normal(scale=(2 / (5 * n_x)) ** 0.5, size=(4 * n_a, n_x)),
            "b": np.zeros((n_a, 1)),
            "Wg": np.zeros((2 * heads, 3 * n_a)),
            "bg": np.concatenate([rng.normal(scale=0.1, size=heads), np.linspace(3, 6, heads)]),
        }
        params["bg"] = params["bg"][:, None]
        return {name: array.astype(dtype) for name, array in params.items()}

    def multiplications(self, n_x: int) -> int:
        """Those with Wx and Wg, and three for each number of C: to fade, to write and to read."""
        n_a = self.hidden_size
        return 4 * n_a * n_x + 6 * self.heads * n_a + 3 * n_a * (n_a // self.heads)

    def initial_state(self, B: int, dtype: npt.DTypeLike) -> State:
        n_a, heads, d = self.hidden_size, self.heads, self.hidden_size // self.heads
        shapes = (n_a,), (heads, d, d), (n_a,), (heads,)
        return tuple(np.zeros((*shape, B), dtype) for shape in shapes)

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Cache]:
        T, B, n_a = len(x), state[0].shape[1], self.hidden_size
        sums = projected(params["Wx"], self._biases(params), x, lengths, scratch)
        f = self._factors(params, sums, state[3])
        d, dtype = f.k.shape[-1], f.k.dtype
        memory = scratch.array("memory", (T + 1, B, self.heads, d, d), dtype)
        n = scratch.array("normalisers", memory.shape[:-1], dtype)
        memory[0], n[0] = column_first(state[1]), by_column(state[2][None], self.heads)[0]
        read, spare = np.empty_like(f.v), np.empty(memory.shape[1:], dtype)
        for t in range(T):
            i, kept = f.i[t, ..., None], f.f[t, ..., None]
            np.multiply(memory[t], kept[..., None], out=memory[t + 1])
            add_outer(memory[t + 1], i * f.k[t], f.v[t], spare)
            np.multiply(n[t], kept, out=n[t + 1])
            n[t + 1] += i * f.k[t]
            read[t] = row_times(f.q[t], memory[t + 1])
        by_norm = dot(n[1:], f.q)
        below = np.maximum(np.abs(by_norm), _floor(f.m[1:])) + EPSILON
        read /= below[..., None]
        h = by_unit(read, scratch.array("h_all", (T, n_a, B), dtype))
        h *= sigmoid(sums[:, 3 * n_a :])
        last = at_the_end(n, lengths).reshape(n_a, B)
        finals = (last_valid(h, state[0], lengths), at_the_end(memory, lengths), last)
        cache = Cache(x, sums, f, memory, n, by_norm, below, read, lengths)
        shown = zero_padding(h, lengths, "h", scratch)
        return shown, (*finals, at_the_end(f.m, lengths)), cache

    def _biases(self, params: Params) -> Array:
        """A bias for each row of Wx."""
        b = params["b"]
        return np.concatenate([np.zeros((3 * self.hidden_size, 1), b.dtype), b])

    def _factors(self, params: Params, sums: Array, m: Array) -> Factors:
        """From the sums (T, 4·n_a, B) and the initial m (heads, B)."""
        n_a, heads, T = self.hidden_size, self.heads, len(sums)
        q, k, v = (by_column(part, heads) for part in np.split(sums[:, : 3 * n_a], 3, axis=1))
        k *= (n_a // heads) ** -0.5
        gates = np.matmul(params["Wg"], sums[:, : 3 * n_a])
        gates += params["bg"]
        gates = np.ascontiguousarray(gates.transpose(0, 2, 1))
        i, f = gates[..., :heads], gates[..., heads:]
        opened = sigmoid(-f)
        f[...] = -np.logaddexp(0, -f)
        ms = np.empty((T + 1, *i.shape[1:]), sums.dtype)
        ms[0] = column_first(m)
        for t in range(T):
            f[t] += ms[t]
            np.maximum(i[t], f[t], out=ms[t + 1])
        return Factors(q, k, v, np.exp(i - ms[1:]), np.exp(f - ms[1:]), opened, ms)

    def gates(self, cache: Cache) -> Params:
        """σ(f) of the head of each unit, and σ(o)."""
        n_a = self.hidden_size
        f = 1 - cache.factors.opened.transpose(0, 2, 1)
        return {"f": np.repeat(f, n_a // self.heads, axis=1), "o": cache.sums[:, 3 * n_a :]}

    def stream(self, params: Params, scratch: Scratch) -> Callable[[Array, State], State]:
        n_a, project_one = self.hidden_size, step_projection(params["Wx"], self._biases(params))

        def step(x: Array, state: State) -> State:
            sums = project_one(x)[None].copy()
            f = self._factors(params, sums, state[3])
            C = np.array(column_first(state[1]), order="C")
            i, kept, q = f.i[0, ..., None], f.f[0, ..., None], f.q[0]
            C *= kept[..., None]
            add_outer(C, i * f.k[0], f.v[0], np.empty_like(C))
            n = kept * by_column(state[2][None], self.heads)[0] + i * f.k[0]
            below = np.maximum(np.abs(dot(n, q)), _floor(f.m[1])) + EPSILON
            read = (row_times(q, C) / below[..., None])[None]
            h, after = (
                by_unit(a, np.empty((1, *state[0].shape), C.dtype)) for a in (read, n[None])
            )
            return h[0] * sigmoid(sums[0, 3 * n_a :]), column_last(C), after[0], column_last(f.m[1])

        return step

    def backward(
        self, params: Params, cache: Cache, dh: Array, dstate: State | None, scratch: Scratch
    ) -> tuple[Params, Array | None, State]:
        (T, n_a, B), heads, lengths = dh.shape, self.heads, cache.lengths
        ends = FinalGradient(dstate, lengths, T)
        by_h = np.array(zero_padding(dh, lengths, "dh", scratch))
        finals = [ends.at(t) for t in range(T)]
        for t, final in enumerate(finals):
            if final is not None:
                by_h[t] += final[0]
        dz = scratch.array("dz", (T, 4 * n_a, B), dh.dtype)
        by_read, by_norm, by_floor = self._by_output(cache, by_h, dz[:, 3 * n_a :])
        back = _Back(cache, by_read, by_norm, by_floor)
        for t in range(T - 1, -1, -1):
            if (final := finals[t]) is not None:
                back.add(final, heads)
            back.step(t)
        d_start = back.initial(n_a)
        if (final := ends.at(-1)) is not None:
            d_start = tuple(d + f for d, f in zip(d_start, final, strict=True))
        grads = self._by_gates(params, cache, back, dz, scratch)
        dWx, db = weight_gradients(dz, cache.x, params["Wx"].shape[1], lengths, scratch)
        dx = input_gradient(params["Wx"], dz, cache.x, scratch)
        return {"Wx": dWx, "b": db[3 * n_a :], **grads}, dx, d_start

    def _by_output(self, cache: Cache, by_h: Array, by_o: Array) -> tuple[Array, Array, Array]:
        """Fill by_o; the gradients by Cᵀ·q (T, B, heads, d), by n·q and by m (T, B, heads)."""
        o = cache.sums[:, 3 * self.hidden_size :]
        mean = by_unit(cache.read, np.empty_like(by_h))
        np.multiply(by_h * mean, o * (1 - o), out=by_o)
        by_read = by_column(by_h * o, self.heads)
        by_read /= cache.below[..., None]
        by_below = -dot(by_read, cache.read)
        floor = _floor(cache.factors.m[1:])
        is_norm = np.abs(cache.by_norm) >= floor
        by_norm = np.where(is_norm, np.sign(cache.by_norm) * by_below, 0)
        return by_read, by_norm, np.where(is_norm, 0, -floor * by_below)

    def _by_gates(
        self, params: Params, cache: Cache, back: _Back, dz: Array, scratch: Scratch
    ) -> Params:
        """Fill dz of q, k and v; the gradients of Wg and bg."""
        n_a, heads, (T, _, B) = self.hidden_size, self.heads, dz.shape
        back.dk *= (n_a // heads) ** -0.5
        for block, d in enumerate((back.dq, back.dk, back.dv)):
            by_unit(d, dz[:, block * n_a : (block + 1) * n_a])
        d_gates = np.empty((T, 2 * heads, B), dz.dtype)
        d_gates[:, :heads] = back.di.transpose(0, 2, 1)
        d_gates[:, heads:] = (back.df * cache.factors.opened).transpose(0, 2, 1)
        dz[:, : 3 * n_a] += np.matmul(params["Wg"].T, d_gates)
        seen = Dense(cache.sums[:, : 3 * n_a])
        total = sum_products(d_gates, [seen, One()], "dWg", scratch)
        return {"Wg": total[:, :-1], "bg": total[:, -1:]}


class _Back:
    """The loop back in time, and the gradients that it collects."""

    def __init__(self, cache: Cache, by_read: Array, by_norm: Array, by_floor: Array) -> None:
        f = cache.factors
        self._cache, self._by_read, self._by_norm, self._by_floor = (
            cache,
            by_read,
            by_norm[..., None],
            by_floor,
        )
        self.dq, self.dk, self.dv = (np.empty_like(f.k) for _ in range(3))
        self.di, self.df = np.empty_like(f.i), np.empty_like(f.f)
        self._dC, self._spare = (np.zeros_like(cache.memory[0]) for _ in range(2))
        self._dn, self._dm = np.zeros_like(f.k[0]), np.zeros_like(f.m[0])

    def add(self, final: State, heads: int) -> None:
        """Add the gradient of a final state."""
        self._dC += column_first(final[1])
        self._dn += by_column(final[2][None], heads)[0]
        self._dm = self._dm + column_first(final[3])

    def initial(self, n_a: int) -> State:
        """The gradient of the initial state."""
        dn = column_last(self._dn).reshape(n_a, -1)
        return np.zeros_like(dn), column_last(self._dC), dn, column_last(self._dm)

    def step(self, t: int) -> None:
        """From the gradients by C, n and m after step t to those before it."""
        cache, f, dC, dn = self._cache, self._cache.factors, self._dC, self._dn
        i, q, k, v = f.i[t], f.q[t], f.k[t], f.v[t]
        add_outer(dC, q, self._by_read[t], self._spare)
        dn += self._by_norm[t] * q
        self.dq[t] = times_column(cache.memory[t + 1], self._by_read[t])
        self.dq[t] += self._by_norm[t] * cache.normalisers[t + 1]
        by_k = times_column(dC, v) + dn
        np.multiply(by_k, i[..., None], out=self.dk[t])
        np.multiply(row_times(k, dC), i[..., None], out=self.dv[t])
        by_i = i * dot(by_k, k)
        by_f = np.einsum("bhkv,bhkv->bh", dC, cache.memory[t]) + dot(dn, cache.normalisers[t])
        by_f *= f.f[t]
        # m scales i′ and f′ down, and is the larger of their two exponents.
        dm = self._dm + self._by_floor[t] - by_i - by_f
        is_i = i == 1
        self.di[t] = by_i + np.where(is_i, dm, 0)
        self.df[t] = self._dm = by_f + np.where(is_i, 0, dm)
        dC *= f.f[t, ..., None, None]
        dn *= f.f[t, ..., None]


def _floor(m: Array) -> Array:
    """e^−m."""
    floor: Array = np.exp(np.minimum(-m, LARGEST))
    return floor
