"""A right cell by the easy road, which tests break in one way or another."""

from dataclasses import dataclass

import numpy as np

import rnnx


@rnnx.unroll
@dataclass(frozen=True)
class Elman:
    """A right cell by the easy road; the mutants below change one thing each."""

    hidden_size: int = 4

    def init(self, rng, n_x, dtype):
        n = self.hidden_size
        shapes = {"Wx": (n, n_x), "Wh": (n, n), "b": (n, 1)}
        return {k: rng.normal(scale=0.5, size=s).astype(dtype) for k, s in shapes.items()}

    def step(self, params, x, state):
        h = np.tanh(params["Wx"] @ x + params["Wh"] @ state[0] + params["b"])
        return (h,), (x, state[0], h)

    def step_back(self, params, cache, dstate):
        x, before, h = cache
        dz = dstate[0] * (1 - h * h)
        dparams = {"Wx": dz @ x.T, "Wh": dz @ before.T, "b": dz.sum(1, keepdims=True)}
        return dparams, params["Wx"].T @ dz, (params["Wh"].T @ dz,)
