"""sLSTM (Beck et al. 2024, "xLSTM"): an LSTM whose gates are exponentials, with a normaliser.

    i, f, o, z = Wx·x⟨t⟩ + Wh·h⟨t−1⟩ + b              four sums
    m⟨t⟩ = max(i, m⟨t−1⟩ + ln σ(f))                   the stabiliser
    i′   = e^(i − m⟨t⟩),  f′ = e^(m⟨t−1⟩ + ln σ(f) − m⟨t⟩)
    c⟨t⟩ = f′ ⊙ c⟨t−1⟩ + i′ ⊙ tanh(z)
    n⟨t⟩ = f′ ⊙ n⟨t−1⟩ + i′                           the normaliser
    h⟨t⟩ = σ(o) ⊙ c⟨t⟩ / n⟨t⟩

    Wx (4·n_a, n_x) · Wh (4·n_a, n_a) · b (4·n_a, 1) · state (h, c, n, m), all 0 at the start

The rows are the blocks i, f, o, z: f = ∞ keeps, i = ∞ overwrites. c / n is a mean of tanh(z) with
the weight i′ at each step, so h stays in −1 … 1 although i has no bound. m changes nothing but the
scale of c and n, which it keeps within range: (c, n, m) and (e^−δ c, e^−δ n, m + δ) are one state.
So the first step needs no rule of its own: the official code has one, and h is the same. n is never
negative then; of an n that is given from outside the magnitude counts.

NX-AI/xlstm, the official code (its plain path), is followed, with one head and with the blocks in
another order (i, f, z, o there). flashrnn computes max(f′ n + i′, 1) for n: other numbers.
Initialisation: Wh 0, Wx N(0, 2/(5·n_x)), biases 0 but that of f, over the units k = 0 … n_a − 1:

    powerlaw   5 − 12·(k / (n_a − 1))^(0.3 + 1.3·depth)     5 … −7, "powerlaw_blockdependent"
    linear     3 + 3·k / (n_a − 1)                          3 … 6, "small_init"

The published layer around the cell is `block=xlstm`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.ranges import require
from rnnx.contracts.self_description import GateWords
from rnnx.padding import FinalGradient, last_valid
from rnnx_builtin.numerics.one_step import step_sums
from rnnx_builtin.numerics.whole_sequence import (
    begin_states,
    input_gradient,
    project,
    weight_gradients,
    zero_padding,
)
from rnnx_zoo.sigmoid import sigmoid

TINY = 1e-30  # below it n divides no further


class ForgetBias(Enum):
    """How the bias of f begins."""

    powerlaw = "powerlaw"
    linear = "linear"


class Cache(NamedTuple):
    x: Array  # (T, B) ids or (T, n_x, B)
    hs: Array  # (T + 1, n_a, B), the initial state first, as in cs and ns
    cs: Array
    ns: Array
    gates: Array  # (T, 4·n_a, B): i′, f′, σ(o), tanh(z)
    open: Array  # (T, n_a, B): 1 − σ(f)
    sign: Array  # (n_a, B): of the n that was given
    lengths: Array | None  # (B,)


@dataclass(frozen=True)
class SLSTM:
    """An LSTM that can overwrite its memory: its input gate is an exponential, without a bound."""

    recurrent_weights: ClassVar[tuple[str, ...]] = ("Wh",)

    golden: ClassVar[tuple[str, ...]] = ("golden/slstm.json",)
    gate_words: ClassVar[dict[str, GateWords]] = {
        "i": GateWords("writes tanh(z) in place of c / n", "writes nothing"),
        "f": GateWords("keeps c / n of t − 1", "forgets it"),
        "o": GateWords("shows c / n in h", "hides it"),
    }

    hidden_size: int = 128
    """n_a, units, at least 1."""
    forget_bias: ForgetBias = ForgetBias.powerlaw
    """The bias of f at the start: powerlaw (5 … −7, most units remember) or linear (3 … 6)."""
    depth: float = 0.0
    """The layer's place for powerlaw, 0 (the first) … 1 (the last)."""

    def __post_init__(self) -> None:
        require(self.hidden_size >= 1, "hidden_size", "at least 1", self.hidden_size)
        require(0 <= self.depth <= 1, "depth", "0 to 1", self.depth)

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> Params:
        n_a = self.hidden_size
        place = np.arange(n_a)[:, None] / max(n_a - 1, 1)
        b = np.zeros((4 * n_a, 1), dtype)
        if self.forget_bias is ForgetBias.powerlaw:
            b[n_a : 2 * n_a] = 5 - 12 * place ** (0.3 + 1.3 * self.depth)
        else:
            b[n_a : 2 * n_a] = 3 + 3 * place
        Wx = rng.normal(scale=(2 / (5 * n_x)) ** 0.5, size=(4 * n_a, n_x)).astype(dtype)
        return {"Wx": Wx, "Wh": np.zeros((4 * n_a, n_a), dtype), "b": b}

    def initial_state(self, B: int, dtype: npt.DTypeLike) -> State:
        return tuple(np.zeros((self.hidden_size, B), dtype) for _ in range(4))

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Cache]:
        T, Wh = len(x), params["Wh"]
        z_x = project(params["Wx"], params["b"], x, lengths, scratch)
        hs, cs, ns, ms = (
            begin_states(array, name, T, scratch, params)
            for array, name in zip(state, ("hs", "cs", "ns", "ms"), strict=True)
        )
        np.abs(ns[0], out=ns[0])
        gates = scratch.array("gates", (T, *Wh.shape[:1], hs.shape[2]), hs.dtype)
        opened = scratch.array("open", hs[1:].shape, hs.dtype)
        for t in range(T):
            a = np.matmul(Wh, hs[t], out=gates[t])
            a += z_x[t]
            _step(a, opened[t], (cs[t], ns[t], ms[t]), (hs[t + 1], cs[t + 1], ns[t + 1], ms[t + 1]))
        steps = zip((hs, cs, ns, ms), state, strict=True)
        finals = tuple(last_valid(array[1:], first, lengths) for array, first in steps)
        h = zero_padding(hs[1:], lengths, "h", scratch)
        return h, finals, Cache(x, hs, cs, ns, gates, opened, np.sign(state[2]), lengths)

    def gates(self, cache: Cache) -> Params:
        """The shares of c / n that are kept (f) and written (i), which add up to 1, and o."""
        n_a = self.hidden_size
        written = cache.gates[:, :n_a] / np.maximum(cache.ns[1:], TINY)
        return {"i": written, "f": 1 - written, "o": cache.gates[:, 2 * n_a : 3 * n_a]}

    def stream(self, params: Params, scratch: Scratch) -> Callable[[Array, State], State]:
        sums = step_sums(params["Wx"], params["Wh"], params["b"], scratch)

        def step(x: Array, state: State) -> State:
            h, c, n, m = state
            after = tuple(np.empty_like(h) for _ in range(4))
            _step(sums(x, h), np.empty_like(h), (c, np.abs(n), m), after)
            return after

        return step

    def compiled(self, threads: int) -> Any:
        """The same in compiled kernels."""
        from rnnx_zoo.kernels import slstm_loops
        from rnnx_zoo.kernels.slstm import CompiledSLSTM

        return CompiledSLSTM(threads, slstm_loops)

    def backward(
        self, params: Params, cache: Cache, dh: Array, dstate: State | None, scratch: Scratch
    ) -> tuple[Params, Array | None, State]:
        T, n_a, B = dh.shape
        x, hs, lengths, dtype = cache.x, cache.hs, cache.lengths, cache.hs.dtype
        dh = zero_padding(dh, lengths, "dh", scratch)
        ends = FinalGradient(dstate, lengths, T)
        WhT = np.ascontiguousarray(params["Wh"].T)  # it is read T times
        dz = scratch.array("dz", (T, 4 * n_a, B), dtype)
        back: State = tuple(np.zeros((n_a, B), dtype) for _ in range(4))
        for t in range(T - 1, -1, -1):
            if (final := ends.at(t)) is not None:
                back = tuple(d + f for d, f in zip(back, final, strict=True))
            memory = _back(cache, t, dh[t] + back[0], back[1:], dz[t])
            back = (WhT @ dz[t], *memory)
        back = (*back[:2], back[2] * cache.sign, back[3])
        if (final := ends.at(-1)) is not None:
            back = tuple(d + f for d, f in zip(back, final, strict=True))
        n_x = params["Wx"].shape[1]
        dWx, dWh, db = weight_gradients(dz, hs[:-1], x, n_x, lengths, scratch)
        dx = input_gradient(params["Wx"], dz, x, scratch)
        return {"Wx": dWx, "Wh": dWh, "b": db}, dx, back


def _step(a: Array, opened: Array, before: State, after: State) -> None:
    """One step: the sums a (4·n_a, B) become i′, f′, σ(o) and tanh(z); ``after`` is filled."""
    (c0, n0, m0), (h, c, n, m) = before, after
    i, f, o, z = np.split(a, 4)
    # σ(−f) = 1 − σ(f), and ln σ(f) = min(f, 0) − ln(1 + e^−|f|)
    fading = np.log1p(np.exp(-np.abs(f)))
    np.negative(f, out=opened)
    sigmoid(opened)
    np.minimum(f, 0, out=f)
    f -= fading
    f += m0
    np.maximum(i, f, out=m)
    a[: 2 * len(m)].reshape(2, *m.shape)[...] -= m
    np.exp(a[: 2 * len(m)], out=a[: 2 * len(m)])
    sigmoid(o)
    np.tanh(z, out=z)
    np.multiply(f, c0, out=c)
    c += i * z
    np.multiply(f, n0, out=n)
    n += i
    np.divide(c, np.maximum(n, TINY), out=h)
    h *= o


def _back(cache: Cache, t: int, dh: Array, back: State, dz: Array) -> State:
    """One step back: fills dz (4·n_a, B); the gradients by c, n and m before the step."""
    (dc, dn, dm), c0, n0 = back, cache.cs[t], cache.ns[t]
    i, f, o, z = np.split(cache.gates[t], 4)
    by_i, by_f, by_o, by_z = np.split(dz, 4)
    n = np.maximum(cache.ns[t + 1], TINY)
    mean = cache.cs[t + 1] / n
    dy = dh * o / n
    dc, dn = dc + dy, dn - dy * mean
    np.multiply(dh * mean, o * (1 - o), out=by_o)
    np.multiply(dc * i, 1 - z * z, out=by_z)
    np.multiply(dc * z + dn, i, out=by_i)
    through = (dc * c0 + dn * n0) * f  # by m⟨t−1⟩ + ln σ(f)
    # m scales i′ and f′ down, and is the larger of their two exponents.
    dm = dm - by_i - through
    is_i = i == 1
    by_i += np.where(is_i, dm, 0)
    through += np.where(is_i, 0, dm)
    np.multiply(through, cache.open[t], out=by_f)
    return dc * f, dn * f, through
