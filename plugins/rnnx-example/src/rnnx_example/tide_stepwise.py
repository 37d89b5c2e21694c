"""Tide, its backward written by hand.

[a; b]  = Wx·x⟨t⟩ + Wh·h⟨t−1⟩ + bias,   u = σ(a),   g = tanh(b)
h⟨t⟩    = u ⊙ h⟨t−1⟩ + (1 − u) ⊙ g

da = dh ⊙ (h⟨t−1⟩ − g) ⊙ u ⊙ (1 − u),   db = dh ⊙ (1 − u) ⊙ (1 − g²),   dz = [da; db]
dWx = dz·xᵀ,   dWh = dz·h⟨t−1⟩ᵀ,   dx = Wxᵀ·dz,   dh⟨t−1⟩ = dh ⊙ u + Whᵀ·dz
"""

from dataclasses import dataclass

import numpy as np

import rnnx


@rnnx.unroll
@dataclass(frozen=True)
class Tide:
    """A gate decides what stays and what flows in."""

    hidden_size: int = 64
    """n_a, units, at least 1."""

    def __post_init__(self):
        rnnx.require(self.hidden_size >= 1, "hidden_size", "at least 1", self.hidden_size)

    def init(self, rng, n_x, dtype):
        n = self.hidden_size
        return {
            "Wx": rnnx.fill("glorot", rng, (n, n_x), dtype, blocks=2),
            "Wh": rnnx.fill("orthogonal", rng, (n, n), dtype, blocks=2),
            "b": rnnx.fill("zeros", rng, (n, 1), dtype, blocks=2),
        }

    def step(self, params, x, state):
        (h,) = state
        z = params["Wx"] @ x + params["Wh"] @ h + params["b"]
        n = self.hidden_size
        u, g = 0.5 * np.tanh(0.5 * z[:n]) + 0.5, np.tanh(z[n:])
        return (u * h + (1 - u) * g,), (x, h, u, g)

    def step_back(self, params, cache, dstate):
        (dh,), (x, h, u, g) = dstate, cache
        dz = np.concatenate([dh * (h - g) * u * (1 - u), dh * (1 - u) * (1 - g * g)])
        dparams = {"Wx": dz @ x.T, "Wh": dz @ h.T, "b": dz.sum(axis=1, keepdims=True)}
        return dparams, params["Wx"].T @ dz, (dh * u + params["Wh"].T @ dz,)
