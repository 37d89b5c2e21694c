"""A correct Elman cell, written with rnnx.unroll, which tests break in one way or another."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

import rnnx


@rnnx.unroll
@dataclass(frozen=True)
class Elman:
    """h⟨t⟩ = tanh(Wx x⟨t⟩ + Wh h⟨t−1⟩ + b)."""

    hidden_size: int = 4

    def init(self, rng: np.random.Generator, n_x: int, dtype: npt.DTypeLike) -> rnnx.Params:
        n = self.hidden_size
        shapes = {"Wx": (n, n_x), "Wh": (n, n), "b": (n, 1)}
        return {k: rng.normal(scale=0.5, size=s).astype(dtype) for k, s in shapes.items()}

    def step(self, params: rnnx.Params, x: rnnx.Array, state: rnnx.State) -> tuple[rnnx.State, Any]:
        h = np.tanh(params["Wx"] @ x + params["Wh"] @ state[0] + params["b"])
        return (h,), (x, state[0], h)

    def step_back(
        self, params: rnnx.Params, cache: Any, dstate: rnnx.State
    ) -> tuple[rnnx.Params, rnnx.Array, rnnx.State]:
        x, before, h = cache
        dz = dstate[0] * (1 - h * h)
        dparams = {"Wx": dz @ x.T, "Wh": dz @ before.T, "b": dz.sum(1, keepdims=True)}
        return dparams, params["Wx"].T @ dz, (params["Wh"].T @ dz,)
