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
The gates see the input alone and h is read out, so nothing of one step waits for another but C, n:
both are computed over many steps at once (rnnx_zoo.fading_memory).
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
from rnnx.padding import last_valid, mask
from rnnx_builtin.numerics.one_step import step_projection
from rnnx_builtin.numerics.whole_sequence import (
    Dense,
    One,
    input_gradient,
    sum_products,
    zero_padding,
)
from rnnx_zoo.chunks import Chunk
from rnnx_zoo.diagonal import projected, weight_gradients
from rnnx_zoo.fading_memory import Found, Steps, run, run_back, stabilisers
from rnnx_zoo.matrix import by_step, column_first, column_last, dot, gradients_by_h, heads_first
from rnnx_zoo.sigmoid import sigmoid

EPSILON = 1e-6
LARGEST = 60.0  # exponent of e^−m: beyond it h is 0 to within rounding


class Cache(NamedTuple):
    x: Array  # (T, B) ids or (T, n_x, B)
    sums: Array  # (T, 4·n_a, B): q, k, v, σ(o)
    steps: Steps
    chunks: list[Chunk]
    opened: Array  # (B, heads, T): 1 − σ(f), 0 beyond a column's end
    by_norm: Array  # (B, heads, T): n·q
    below: Array  # (B, heads, T): what Cᵀ·q is divided by
    read: Array  # (B, heads, T, d): h before σ(o)
    lengths: Array | None  # (B,)


@dataclass(frozen=True)
class MLSTM:
    """A memory of keys and values that fades as a whole; the input alone opens its gates."""

    golden: ClassVar[tuple[str, ...]] = ("golden/mlstm.json",)
    gate_words: ClassVar[dict[str, GateWords]] = {
        "i": GateWords("writes with the largest weight so far", "writes nothing"),
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
        h, n, m = (np.zeros((rows, B), dtype) for rows in (n_a, n_a, heads))
        return h, column_last(np.zeros((B, heads, d, d), dtype)), n, m

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Cache]:
        T, B, n_a = len(x), state[0].shape[1], self.hidden_size
        sums = projected(params["Wx"], self._biases(params), x, lengths, scratch)
        steps, opened = self._steps(params, sums, state[3], lengths)
        sums_read, S, chunks = run(steps, self._memory(state[1], state[2]))
        read, by_norm, below = _mean(sums_read, steps.m)
        h = by_step(read, scratch.array("h_all", (T, n_a, B), sums.dtype))
        h *= sigmoid(sums[:, 3 * n_a :])
        cache = Cache(x, sums, steps, chunks, opened, by_norm, below, read, lengths)
        shown = zero_padding(h, lengths, "h", scratch)
        final = last_valid(h, state[0], lengths), *self._split(S), column_last(steps.m[..., -1])
        return shown, final, cache

    def _memory(self, C: Array, n: Array) -> Array:
        """C (heads, d, d, B) and n (n_a, B), to which each step writes 1: (B, heads, d, d + 1)."""
        heads, d, _, B = C.shape
        out = np.empty((B, heads, d, d + 1), C.dtype)
        out[..., :d], out[..., d] = np.moveaxis(C, -1, 0), n.reshape(heads, d, B).transpose(2, 0, 1)
        return out

    def _split(self, S: Array) -> tuple[Array, Array]:
        """C and n again."""
        return column_last(S[..., :-1]), column_last(S[..., -1]).reshape(self.hidden_size, -1)

    def _biases(self, params: Params) -> Array:
        """A bias for each row of Wx."""
        b = params["b"]
        return np.concatenate([np.zeros((3 * self.hidden_size, 1), b.dtype), b])

    def _steps(
        self, params: Params, sums: Array, m: Array, lengths: Array | None
    ) -> tuple[Steps, Array]:
        """From the sums (T, 4·n_a, B) and the initial m (heads, B); 1 − σ(f) (B, heads, T)."""
        n_a, heads = self.hidden_size, self.heads
        q, k, v = np.split(sums[:, : 3 * n_a], 3, axis=1)
        q, k, u = heads_first(q, heads), heads_first(k, heads), heads_first(v, heads, ones=1)
        k *= (n_a // heads) ** -0.5
        gates = np.matmul(params["Wg"], sums[:, : 3 * n_a])
        gates += params["bg"]
        gates = np.ascontiguousarray(gates.transpose(2, 1, 0))  # (B, 2·heads, T)
        i, f = gates[:, :heads], gates[:, heads:]
        opened, kept = sigmoid(-f), -np.logaddexp(0, -f)
        if lengths is not None:  # beyond its end a column's memory stays
            is_beyond = ~mask(lengths, len(sums)).T[:, None]
            i, kept, opened = (
                np.where(is_beyond, what, one)
                for one, what in ((i, i.dtype.type(-np.inf)), (kept, 0), (opened, 0))
            )
        return Steps(q, k, u, i, kept, stabilisers(i, kept, column_first(m))), opened

    def gates(self, cache: Cache) -> Params:
        """i′ and σ(f) of the head of each unit, and σ(o)."""
        n_a, steps = self.hidden_size, cache.steps
        of_heads = {"i": np.exp(steps.i - steps.m[..., 1:]), "f": 1 - cache.opened}
        d = n_a // self.heads
        found = {k: np.repeat(g.transpose(2, 1, 0), d, axis=1) for k, g in of_heads.items()}
        return {**found, "o": cache.sums[:, 3 * n_a :]}

    def stream(self, params: Params, scratch: Scratch) -> Callable[[Array, State], State]:
        n_a, project_one = self.hidden_size, step_projection(params["Wx"], self._biases(params))

        def step(x: Array, state: State) -> State:
            sums = project_one(x)[None].copy()
            steps, _ = self._steps(params, sums, state[3], None)
            sums_read, S, _ = run(steps, self._memory(state[1], state[2]))
            read, _, _ = _mean(sums_read, steps.m)
            h = by_step(read, np.empty((1, *state[0].shape), read.dtype))[0]
            h *= sigmoid(sums[0, 3 * n_a :])
            return h, *self._split(S), column_last(steps.m[..., -1])

        return step

    def backward(
        self, params: Params, cache: Cache, dh: Array, dstate: State | None, scratch: Scratch
    ) -> tuple[Params, Array | None, State]:
        (T, n_a, B), lengths = dh.shape, cache.lengths
        by_h, dh0 = gradients_by_h(dh, dstate, lengths, scratch)
        dz = scratch.array("dz", (T, 4 * n_a, B), dh.dtype)
        by_sums, by_m = self._by_output(cache, by_h, dz[:, 3 * n_a :])
        # Beyond its end a column's memory stays, so its gradient is that after the last step.
        _, dC, dn, dm = dstate or self.initial_state(B, dh.dtype)
        last = self._memory(dC, dn), column_first(dm)
        back = run_back(cache.steps, cache.chunks, by_sums, by_m, *last)
        d_start = dh0, *self._split(back.S), column_last(back.m)
        grads = self._by_gates(params, cache, back, dz, scratch)
        dWx, db = weight_gradients(dz, cache.x, params["Wx"].shape[1], lengths, scratch)
        dx = input_gradient(params["Wx"], dz, cache.x, scratch)
        return {"Wx": dWx, "b": db[3 * n_a :], **grads}, dx, d_start

    def _by_output(self, cache: Cache, by_h: Array, by_o: Array) -> tuple[Array, Array]:
        """Fill by_o; the gradients by what is read (B, heads, T, d + 1) and by m (B, heads, T)."""
        o = cache.sums[:, 3 * self.hidden_size :]
        mean = by_step(cache.read, np.empty_like(by_h))
        np.multiply(by_h * mean, o * (1 - o), out=by_o)
        by_sums = heads_first(by_h * o, self.heads, ones=1)
        by_sums /= cache.below[..., None]
        by_below = -dot(by_sums[..., :-1], cache.read)
        floor = _floor(cache.steps.m[..., 1:])
        is_norm = np.abs(cache.by_norm) >= floor
        by_sums[..., -1] = np.where(is_norm, np.sign(cache.by_norm) * by_below, 0)
        return by_sums, np.where(is_norm, 0, -floor * by_below)

    def _by_gates(
        self, params: Params, cache: Cache, back: Found, dz: Array, scratch: Scratch
    ) -> Params:
        """Fill dz of q, k and v; the gradients of Wg and bg."""
        n_a, heads, (T, _, B) = self.hidden_size, self.heads, dz.shape
        by_k = back.k * (n_a // heads) ** -0.5
        for block, d in enumerate((back.q, by_k, back.u[..., :-1])):
            by_step(d, dz[:, block * n_a : (block + 1) * n_a])
        d_gates = np.empty((T, 2 * heads, B), dz.dtype)
        d_gates[:, :heads] = back.i.transpose(2, 1, 0)
        d_gates[:, heads:] = (back.ln_f * cache.opened).transpose(2, 1, 0)
        dz[:, : 3 * n_a] += np.matmul(params["Wg"].T, d_gates)
        seen = Dense(cache.sums[:, : 3 * n_a])
        total = sum_products(d_gates, [seen, One()], "dWg", scratch)
        return {"Wg": total[:, :-1], "bg": total[:, -1:]}


def _mean(read: Array, m: Array) -> tuple[Array, Array, Array]:
    """From [Cᵀ·q; n·q] (B, heads, T, d + 1), which it changes: the mean, n·q, what it is over."""
    by_norm = read[..., -1].copy()
    below = np.maximum(np.abs(by_norm), _floor(m[..., 1:])) + EPSILON
    mean = read[..., :-1]
    mean /= below[..., None]
    return mean, by_norm, below


def _floor(m: Array) -> Array:
    """e^−m."""
    floor: Array = np.exp(np.minimum(-m, LARGEST))
    return floor
