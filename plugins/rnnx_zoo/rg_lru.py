"""The real-gated linear recurrent unit of Hawk and Griffin (De et al. 2024).

    u    = x⟨t⟩, or Wx·x⟨t⟩ + b where n_x ≠ n_a
    i, r = σ(Wg·u + bg)                     blocks i, r: i lets u in, r forgets
    a    = exp(−8·r ⊙ softplus(Lambda))     0 < a < 1: r = 0 keeps everything
    h⟨t⟩ = a ⊙ h⟨t−1⟩ + √(1 − a²) ⊙ i ⊙ u

    Wg (2·n_a, n_a) · bg (2·n_a, 1) · Lambda (n_a, 1) · state (h,)
    Wx (n_a, n_x) · b (n_a, 1), where n_x ≠ n_a

The rows of Wg are the blocks i, r. What is let in shrinks as what is kept grows, so h keeps the
variance of i ⊙ u; 1 − a² is computed as −expm1(2·ln a), for a is near 1.

google-deepmind/recurrentgemma is followed, with one block in its block-diagonal gates, and with its
bound of 1000 on the slope of the root. There the first step after a reset has 1 in place of
√(1 − a²); here, as in the paper, every step is alike, because a step does not know whether it is
the first. Its initialisation: softplus(Lambda) = −ln a with a² uniform on 0.9² … 0.999² (the paper
says that of a⁸), Wg N(0, 1/n_a), biases 0; Wx, which the published block has outside, N(0, 1/n_x).
The published layer around the cell is `block=hawk`.
"""

from __future__ import annotations

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
    Dense,
    One,
    begin_states,
    input_gradient,
    sum_products,
    tiles,
    zero_padding,
)
from rnnx_zoo.diagonal import (
    Back,
    as_vectors,
    pieces,
    projected,
    recur,
    weight_gradients,
)
from rnnx_zoo.sigmoid import sigmoid

C = 8.0  # how far r = 1 forgets beyond softplus(Lambda)
ROOT_MIN = 1 / 2000  # of √(1 − a²) where it divides: its slope by 1 − a² is then at most 1000


class Cache(NamedTuple):
    x: Array  # (T, B) ids or (T, n_x, B)
    hs: Array  # (T + 1, n_a, B), hs[0] the initial state
    u: Array  # (T, n_a, B)
    gates: Array  # (T, 2·n_a, B): i, r after σ
    keep: Array  # (T, n_a, B): a
    root: Array  # (T, n_a, B): √(1 − a²)
    lengths: Array | None  # (B,)


@dataclass(frozen=True)
class RGLRU:
    """A memory that fades at a rate the input sets, and takes in what it has lost."""

    golden: ClassVar[tuple[str, ...]] = ("golden/rg_lru.json",)
    gate_words: ClassVar[dict[str, GateWords]] = {
        "i": GateWords("lets u in", "keeps it out"),
        "r": GateWords("forgets as fast as Lambda says", "keeps all of h⟨t−1⟩"),
        "a": GateWords("keeps h⟨t−1⟩", "forgets it"),
    }

    hidden_size: int = 128
    """n_a, units, at least 1."""

    def __post_init__(self) -> None:
        require(self.hidden_size >= 1, "hidden_size", "at least 1", self.hidden_size)

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> Params:
        n_a = self.hidden_size
        log_a = 0.5 * np.log(rng.uniform(0.9**2, 0.999**2, (n_a, 1)) + 1e-8)
        params = {
            "Wg": rng.normal(scale=n_a**-0.5, size=(2 * n_a, n_a)),
            "bg": np.zeros((2 * n_a, 1)),
            "Lambda": np.log(np.expm1(-log_a)),
        }
        if n_x != n_a:
            Wx = rng.normal(scale=n_x**-0.5, size=(n_a, n_x))
            params = {"Wx": Wx, "b": np.zeros((n_a, 1)), **params}
        return {name: array.astype(dtype) for name, array in params.items()}

    def initial_state(self, B: int, dtype: npt.DTypeLike) -> State:
        return (np.zeros((self.hidden_size, B), dtype),)

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Cache]:
        T, n_a, Wg = len(x), self.hidden_size, params["Wg"]
        if "Wx" in params:
            u = projected(params["Wx"], params["b"], x, lengths, scratch)
        else:
            u = as_vectors(x, n_a, lengths, Wg.dtype, scratch)
        hs = begin_states(state[0], "hs", T, scratch, {"Wg": Wg})
        gates = scratch.array("gates", (T, 2 * n_a, hs.shape[2]), hs.dtype)
        keep, root = (scratch.array(k, hs[1:].shape, hs.dtype) for k in ("keep", "root"))
        rate = -C * np.logaddexp(0, params["Lambda"])
        for start, stop in pieces(T, gates[0].nbytes):
            steps = slice(start, stop)
            both = np.matmul(Wg, u[steps], out=gates[steps])
            both += params["bg"]
            sigmoid(both)
            _decay(rate, both[:, n_a:], keep[steps], root[steps])
            written = np.multiply(root[steps], both[:, :n_a], out=hs[start + 1 : stop + 1])
            written *= u[steps]
            recur(keep, hs, start, stop, scratch)
        final = last_valid(hs[1:], hs[0], lengths)
        h = zero_padding(hs[1:], lengths, "h", scratch)
        return h, (final,), Cache(x, hs, u, gates, keep, root, lengths)

    def gates(self, cache: Cache) -> Params:
        """i, r, and a, what is kept."""
        n_a = self.hidden_size
        return {"i": cache.gates[:, :n_a], "r": cache.gates[:, n_a:], "a": cache.keep}

    def stream(self, params: Params, scratch: Scratch) -> Callable[[Array, State], State]:
        n_a, Wg, bg = self.hidden_size, params["Wg"], params["bg"]
        Wx = params.get("Wx", np.eye(n_a, dtype=Wg.dtype))
        project_one = step_projection(Wx, params.get("b", np.zeros((n_a, 1), Wg.dtype)))
        rate = -C * np.logaddexp(0, params["Lambda"])

        def step(x: Array, state: State) -> State:
            u = project_one(x)
            both = sigmoid(Wg @ u + bg)
            keep, root = np.empty_like(state[0]), np.empty_like(state[0])
            _decay(rate, both[n_a:], keep, root)
            return (keep * state[0] + root * both[:n_a] * u,)

        return step

    def compiled(self, threads: int) -> Any:
        """The same in compiled kernels."""
        from rnnx_zoo.kernels.diagonal_products import CompiledRGLRU

        return CompiledRGLRU(threads)

    def backward(
        self, params: Params, cache: Cache, dh: Array, dstate: State | None, scratch: Scratch
    ) -> tuple[Params, Array | None, State]:
        T, n_a, B = dh.shape
        hs, u, Wg, lengths = cache.hs, cache.u, params["Wg"], cache.lengths
        dh = zero_padding(dh, lengths, "dh", scratch)
        back = Back(cache.keep, dh, FinalGradient(dstate, lengths, T))
        dz = scratch.array("dz", (T, 2 * n_a, B), hs.dtype)
        du = scratch.array("du", (T, n_a, B), hs.dtype)
        rate, d_rate = -C * np.logaddexp(0, params["Lambda"]), np.zeros((n_a, 1), hs.dtype)
        WgT = np.ascontiguousarray(Wg.T)
        for start, stop in tiles(T, dz[0].nbytes):
            steps = slice(start, stop)
            d, r = back.piece(start, stop, scratch), cache.gates[steps, n_a:]
            by_decay = self._by_gates(cache, steps, d, dz[steps], du[steps], scratch)
            d_rate += np.einsum("tnb,tnb->n", by_decay, r)[:, None]
            by_r = dz[steps, n_a:]
            np.multiply(by_decay, rate, out=by_r)
            by_r *= r
            by_r *= np.subtract(1, r, out=by_decay)
            du[steps] += np.matmul(WgT, dz[steps], out=scratch.array("Wg_dz", d.shape, d.dtype))
        total = sum_products(dz, [Dense(u), One()], "dWg", scratch)
        dparams = {"Wg": total[:, :-1], "bg": total[:, -1:]}
        dparams["Lambda"] = -C * d_rate * sigmoid(params["Lambda"].copy())
        if "Wx" not in params:
            return dparams, (du if cache.x.ndim == 3 else None), (back.initial(),)
        n_x = params["Wx"].shape[1]
        dparams["Wx"], dparams["b"] = weight_gradients(du, cache.x, n_x, lengths, scratch)
        dx = input_gradient(params["Wx"], du, cache.x, scratch)
        return dparams, dx, (back.initial(),)

    def _by_gates(
        self, cache: Cache, steps: slice, d: Array, dz: Array, du: Array, scratch: Scratch
    ) -> Array:
        """Fill dz of block i and du, without what the gates send to u; the gradient by ln a."""
        n_a = self.hidden_size
        i, a, root, u = cache.gates[steps, :n_a], cache.keep[steps], cache.root[steps], cache.u
        by_i, by_decay = dz[:, :n_a], scratch.array("by_decay", d.shape, d.dtype)
        through = np.multiply(d, i, out=scratch.array("through", d.shape, d.dtype))
        np.multiply(through, root, out=du)
        through *= u[steps]
        np.subtract(1, i, out=by_i)
        by_i *= through
        by_i *= root
        # The root's slope by ln a is −a² / √(1 − a²).
        through *= a
        through /= np.maximum(root, ROOT_MIN, out=by_decay)
        np.multiply(d, cache.hs[steps], out=by_decay)
        by_decay -= through
        by_decay *= a
        return by_decay


def _decay(rate: Array, r: Array, keep: Array, root: Array) -> None:
    """a = exp(rate ⊙ r) and √(1 − a²)."""
    np.multiply(rate, r, out=keep)
    np.multiply(keep, 2, out=root)
    np.expm1(root, out=root)
    np.negative(root, out=root)
    np.sqrt(root, out=root)
    np.exp(keep, out=keep)
