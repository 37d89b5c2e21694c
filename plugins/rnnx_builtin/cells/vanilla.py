"""The vanilla recurrent network (Elman 1990; the notebook's RNN cell).

    h⟨t⟩ = φ(Wx·x⟨t⟩ + Wh·h⟨t−1⟩ + b),   φ = tanh or relu

    Wx (n_a, n_x) · Wh (n_a, n_a) · b (n_a, 1) · state (h,)

The notebook writes Wax, Waa, ba and a for Wx, Wh, b and h. Back through time, with dz = dh ⊙ φ′:

    dh⟨t−1⟩ = Whᵀ·dz⟨t⟩,   dWh = Σ dz⟨t⟩·h⟨t−1⟩ᵀ,   dWx = Σ dz⟨t⟩·x⟨t⟩ᵀ,   db = Σ dz⟨t⟩
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params, State
from rnnx.config.initialization import fill
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.ranges import require
from rnnx.padding import FinalGradient, is_padded, last_valid, mask
from rnnx_builtin.cells.weights import CellWeights
from rnnx_builtin.numerics.one_step import step_projection
from rnnx_builtin.numerics.whole_sequence import (
    begin_states,
    input_gradient,
    project,
    tiles,
    weight_gradients,
    zero_padding,
)


class Activation(Enum):
    """φ."""

    tanh = "tanh"
    relu = "relu"


class Cache(NamedTuple):
    x: Array  # (T, B) ids or (T, n_x, B)
    hs: Array  # (T + 1, n_a, B), hs[0] the initial state
    lengths: Array | None  # (B,)


@dataclass(frozen=True)
class Vanilla:
    """One tanh or relu of a sum: the simplest cell, and the one whose gradient vanishes."""

    recurrent_weights: ClassVar[tuple[str, ...]] = ("Wh",)
    golden: ClassVar[tuple[str, ...]] = ("golden/vanilla_tanh.json", "golden/vanilla_relu.json")

    hidden_size: int = 128
    """n_a, units, at least 1."""
    activation: Activation = Activation.tanh
    """φ: tanh (bounded by 1) or relu (Le et al. 2015 begin it with recurrent=identity)."""
    weights: CellWeights = CellWeights()
    """The initialisers of Wx, Wh and b."""

    def __post_init__(self) -> None:
        require(self.hidden_size >= 1, "hidden_size", "at least 1", self.hidden_size)

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> Params:
        n_a = self.hidden_size
        return {
            "Wx": fill(self.weights.input, rng, (n_a, n_x), dtype),
            "Wh": fill(self.weights.recurrent, rng, (n_a, n_a), dtype),
            "b": fill(self.weights.bias, rng, (n_a, 1), dtype),
        }

    def initial_state(self, B: int, dtype: npt.DTypeLike) -> State:
        return (np.zeros((self.hidden_size, B), dtype),)

    def forward(
        self, params: Params, x: Array, state: State, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, State, Cache]:
        relu = self.activation is Activation.relu
        T, Wh = len(x), params["Wh"]
        z = project(params["Wx"], params["b"], x, lengths, scratch)
        hs = begin_states(state[0], "hs", T, scratch, params)
        # A relu may grow without bound beyond a column's end: stop it there.
        ended = ~mask(lengths, T) if lengths is not None and is_padded(lengths, T) else None
        for t in range(T):
            h = hs[t + 1]
            np.matmul(Wh, hs[t], out=h)
            h += z[t]
            if relu:
                np.maximum(h, 0, out=h)
            else:
                np.tanh(h, out=h)
            if ended is not None:
                np.copyto(h, 0, where=ended[t])
        final = last_valid(hs[1:], hs[0], lengths)
        return hs[1:], (final,), Cache(x, hs, lengths)

    def compiled(self, threads: int) -> Any:
        """The same in compiled kernels."""
        from rnnx_builtin.kernels.rnn.vanilla import CompiledVanilla

        return CompiledVanilla(threads, self.activation is Activation.relu)

    def stream(self, params: Params, scratch: Scratch) -> Callable[[Array, State], State]:
        project_one, Wh = step_projection(params["Wx"], params["b"]), params["Wh"]
        relu = self.activation is Activation.relu

        def step(x: Array, state: State) -> State:
            h = Wh @ state[0]
            h += project_one(x)
            return (np.maximum(h, 0, out=h) if relu else np.tanh(h, out=h),)

        return step

    def backward(
        self, params: Params, cache: Cache, dh: Array, dstate: State | None, scratch: Scratch
    ) -> tuple[Params, Array | None, State]:
        x, hs, lengths = cache
        T, n_a, B = dh.shape
        dtype = hs.dtype
        dh = zero_padding(dh, lengths, "dh", scratch)
        ends = FinalGradient(dstate, lengths, T)
        WhT = scratch.array("WhT", (n_a, n_a), dtype)
        np.copyto(WhT, params["Wh"].T)  # contiguous: it is read T times
        dz = scratch.array("dz", (T, n_a, B), dtype)
        back = np.zeros((n_a, B), dtype)  # what reaches h⟨t⟩ from the step after
        for start, stop in tiles(T, back.nbytes):
            slope = self._slope(hs[start + 1 : stop + 1], scratch)
            for t in range(stop - 1, start - 1, -1):
                if (final := ends.at(t)) is not None:
                    back += final[0]
                dz_t = dz[t]
                np.add(back, dh[t], out=dz_t)
                dz_t *= slope[t - start]
                np.matmul(WhT, dz_t, out=back)
        if (final := ends.at(-1)) is not None:
            back += final[0]
        n_x = params["Wx"].shape[1]
        dWx, dWh, db = weight_gradients(dz, hs[:-1], x, n_x, lengths, scratch)
        dx = input_gradient(params["Wx"], dz, x, scratch)
        return {"Wx": dWx, "Wh": dWh, "b": db}, dx, (back,)

    def _slope(self, h: Array, scratch: Scratch) -> Array:
        """φ′ at every step, from φ: 1 − h² or [h > 0]."""
        slope = scratch.array("slope", h.shape, h.dtype)
        if self.activation is Activation.relu:
            np.greater(h, 0, out=slope)
            return slope
        np.multiply(h, h, out=slope)
        return np.subtract(1, slope, out=slope)
