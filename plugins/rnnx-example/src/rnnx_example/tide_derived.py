"""Tide: a gate u decides how much of each unit stays, and how much g flows in.

[a; b]  = Wx·x⟨t⟩ + Wh·h⟨t−1⟩ + bias,   u = σ(a),   g = tanh(b)
h⟨t⟩    = u ⊙ h⟨t−1⟩ + (1 − u) ⊙ g

Wx (2·n_a, n_x) · Wh (2·n_a, n_a) · b (2·n_a, 1) · state (h,)
"""

from dataclasses import dataclass

import rnnx
from rnnx import autodiff

np = autodiff.np


@autodiff.unroll
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
        u, g = 0.5 * np.tanh(0.5 * z[:n]) + 0.5, np.tanh(z[n:])  # σ(a) without overflow
        return (u * h + (1 - u) * g,)
