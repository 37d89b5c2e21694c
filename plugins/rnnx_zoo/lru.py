"""The linear recurrent unit (Orvieto et al. 2023): a complex diagonal recurrence without gates.

    λ    = exp(−e^nu + i·e^theta)                      |λ| < 1, i the imaginary unit
    s⟨t⟩ = λ ⊙ s⟨t−1⟩ + e^gamma ⊙ (B·x⟨t⟩)             complex
    h⟨t⟩ = Re(C·s⟨t⟩) + D·x⟨t⟩                         D ⊙ x⟨t⟩ where n_x = n_a

    nu, theta, gamma (n_a, 1) · B (2·n_a, n_x) · C (n_a, 2·n_a)
    D (n_a, n_x), or (n_a, 1) where n_x = n_a · state (h, Re s, Im s), each (n_a, B)

B has the rows of its real part, then those of its imaginary part, C its columns so. h is read out
and has no say in the next step. There is no gate: each unit forgets at a rate of its own, whatever
it sees, and turns by an angle of its own, so it can count in circles of fixed lengths.

There is no official code; NicolasZucchet/minimal-LRU, which follows the paper's pseudo code, is
followed. |λ| begins uniform on the ring r_min … r_max, its angle on 0 … phase, gamma normalises:
e^gamma = √(1 − |λ|²). B begins N(0, 1/(2·n_x)), C N(0, 1/n_a), both parts, and D N(0, 1), where it
is a matrix N(0, 1/n_x). nu, theta, gamma and B learn at half the rate and without weight decay. The
published layer has a norm, GELU and a gated linear unit around it: `block=prenorm`.
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
from rnnx.padding import FinalGradient, last_valid
from rnnx_builtin.numerics.one_step import step_projection
from rnnx_builtin.numerics.whole_sequence import (
    Dense,
    input_gradient,
    sum_products,
    zero_padding,
)
from rnnx_zoo.diagonal import projected, weight_gradients
from rnnx_zoo.rotations import by_eigenvalues, by_input, eigenvalues, input_weights, read_out


class Cache(NamedTuple):
    x: Array  # (T, B) ids or (T, n_x, B)
    states: Array  # (T + 1, 2·n_a, B): Re s, Im s, the initial ones first
    lengths: Array | None  # (B,)


@dataclass(frozen=True)
class LRU:
    """Damped rotations: each unit turns and fades at a rate of its own."""

    golden: ClassVar[tuple[str, ...]] = ("golden/lru.json",)

    hidden_size: int = 128
    """n_a, units, at least 1."""
    r_min: float = 0.0
    """The smallest |λ| at the start: near 1 all units remember long. 0 ≤ r_min < r_max."""
    r_max: float = 1.0
    """The largest |λ| at the start. Above r_min, at most 1."""
    phase: float = 6.28
    """The largest angle of λ at the start, in radians. Above 0, at most 6.2832 (2π)."""

    def __post_init__(self) -> None:
        require(self.hidden_size >= 1, "hidden_size", "at least 1", self.hidden_size)
        require(0 <= self.r_min < self.r_max, "r_min", "0 to below r_max", self.r_min)
        require(self.r_max <= 1, "r_max", "above r_min, at most 1", self.r_max)
        require(0 < self.phase <= 6.2832, "phase", "above 0, at most 6.2832", self.phase)

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> Params:
        n_a, low, high = self.hidden_size, self.r_min**2, self.r_max**2
        squared = low + (high - low) * (1 - rng.uniform(size=(n_a, 1)))  # above 0, at most r_max²
        decay = np.maximum(-0.5 * np.log(squared), 1e-7)  # −ln |λ|; of |λ| = 1 there is no nu
        angle = self.phase * (1 - rng.uniform(size=(n_a, 1)))
        params = {
            "nu": np.log(decay),
            "theta": np.log(angle),
            "gamma": 0.5 * np.log(-np.expm1(-2 * decay)),
            "B": rng.normal(scale=(2 * n_x) ** -0.5, size=(2 * n_a, n_x)),
            "C": rng.normal(scale=n_a**-0.5, size=(n_a, 2 * n_a)),
            "D": rng.normal(size=(n_a, 1))
            if n_x == n_a
            else rng.normal(scale=n_x**-0.5, size=(n_a, n_x)),
        }
        return {name: array.astype(dtype) for name, array in params.items()}

    def parameter_groups(self) -> Mapping[str, Group]:
        slow = Group(decay=False, rate=0.5)
        return {"nu": slow, "theta": slow, "gamma": slow, "B": slow}

    def initial_state(self, B: int, dtype: npt.DTypeLike) -> State:
        h, re, im = (np.zeros((self.hidden_size, B), dtype) for _ in range(3))
        return h, re, im

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Cache]:
        T, n_a, B = len(x), self.hidden_size, state[0].shape[1]
        W, (real, turn), C = input_weights(params), _rotation(params), read_out(params)
        z = projected(W, np.zeros((len(W), 1), W.dtype), x, lengths, scratch)
        states = scratch.array("states", (T + 1, 2 * n_a, B), W.dtype)
        states[0, :n_a], states[0, n_a:] = state[1], state[2]
        pair = states.reshape(T + 1, 2, n_a, B)
        turned = scratch.array("turned", (2, n_a, B), W.dtype)
        for t in range(T):
            np.multiply(real, pair[t], out=pair[t + 1])
            pair[t + 1] += np.multiply(turn, pair[t, ::-1], out=turned)
            states[t + 1] += z[t, : 2 * n_a]
        h = np.matmul(C, states[1:], out=scratch.array("h_all", (T, n_a, B), W.dtype))
        h += z[:, 2 * n_a :]
        last = last_valid(states[1:], states[0], lengths)
        finals = (last_valid(h, state[0], lengths), last[:n_a].copy(), last[n_a:].copy())
        return zero_padding(h, lengths, "h", scratch), finals, Cache(x, states, lengths)

    def stream(self, params: Params, scratch: Scratch) -> Callable[[Array, State], State]:
        n_a, W = self.hidden_size, input_weights(params)
        project_one = step_projection(W, np.zeros((len(W), 1), W.dtype))
        (real, turn), C = _rotation(params), read_out(params)

        def step(x: Array, state: State) -> State:
            z, pair = project_one(x), np.stack(state[1:])
            s = (real * pair + turn * pair[::-1]).reshape(2 * n_a, -1) + z[: 2 * n_a]
            return C @ s + z[2 * n_a :], s[:n_a], s[n_a:]

        return step

    def compiled(self, threads: int) -> Any:
        """The same in compiled kernels."""
        from rnnx_zoo.kernels.diagonal_products import CompiledLRU

        return CompiledLRU(threads)

    def backward(
        self, params: Params, cache: Cache, dh: Array, dstate: State | None, scratch: Scratch
    ) -> tuple[Params, Array | None, State]:
        (T, n_a, B), (x, states, lengths) = dh.shape, cache
        W, (real, turn), C = input_weights(params), _rotation(params), read_out(params)
        dz = scratch.array("dz", (T, 3 * n_a, B), W.dtype)  # by Re s, Im s and h
        ds, d_out = dz[:, : 2 * n_a], dz[:, 2 * n_a :]
        np.copyto(d_out, zero_padding(dh, lengths, "dh", scratch))
        ends = FinalGradient(dstate, lengths, T)
        CT = np.ascontiguousarray(C.T)
        back, turned = np.zeros((2, n_a, B), W.dtype), np.empty((2, n_a, B), W.dtype)
        for t in range(T - 1, -1, -1):
            if (final := ends.at(t)) is not None:
                d_out[t] += final[0]
                back += np.stack(final[1:])
            pair = np.matmul(CT, d_out[t], out=ds[t]).reshape(2, n_a, B)
            pair += back
            np.multiply(real, pair, out=back)
            back -= np.multiply(turn, pair[::-1], out=turned)
        initial = np.zeros((n_a, B), W.dtype)
        if (final := ends.at(-1)) is not None:
            initial, back = initial + final[0], back + np.stack(final[1:])
        dW, _ = weight_gradients(dz, x, W.shape[1], lengths, scratch)
        dC = sum_products(d_out, [Dense(states[1:])], "dC", scratch)
        dC[:, n_a:] *= -1
        by_rotation = by_eigenvalues(params, *_products(ds, states))
        dparams = {**by_input(params, dW), **by_rotation, "C": dC}
        return dparams, input_gradient(W, dz, x, scratch), (initial, back[0], back[1])


def _rotation(params: Params) -> tuple[Array, Array]:
    """What the pair (Re s, Im s) is multiplied by (n_a, 1), and the swapped pair (2, n_a, 1)."""
    real, imaginary = eigenvalues(params)
    return real, np.stack([-imaginary, imaginary])


def _products(ds: Array, states: Array) -> tuple[Array, Array]:
    """Σ ds⟨t⟩ · s⟨t−1⟩ as complex numbers: the gradients by Re λ and Im λ, (n_a, 1) each."""
    T, _, B = ds.shape
    d, s = (a.reshape(T, 2, -1, B) for a in (ds, states[:-1]))
    turned = np.einsum("tnb,tnb->n", d[:, 1], s[:, 0])
    turned -= np.einsum("tnb,tnb->n", d[:, 0], s[:, 1])
    return np.einsum("tknb,tknb->n", d, s)[:, None], turned[:, None]
