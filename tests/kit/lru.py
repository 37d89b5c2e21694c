"""A third-party cell whose h is only read out of its memory, which is complex and linear.

The linear recurrent unit of Orvieto et al. 2023 (arXiv 2303.06349), in real numbers:

λ       = exp(−exp ν + i exp θ)
s⟨t⟩    = λ ⊙ s⟨t−1⟩ + exp γ ⊙ (B x⟨t⟩)
h⟨t⟩    = Re(C s⟨t⟩) + D x⟨t⟩
"""

from dataclasses import dataclass

import numpy as np

import rnnx

requires_api = 1


@rnnx.unroll
@dataclass(frozen=True)
class LRU:
    """A diagonal linear recurrence in complex numbers, and a linear read-out."""

    hidden_size: int = 32
    """n_a, units and complex states, at least 1."""
    r_min: float = 0.4
    """The smallest modulus of an eigenvalue, 0 … r_max."""
    r_max: float = 0.95
    """The largest modulus of an eigenvalue, below 1."""

    def __post_init__(self):
        rnnx.require(self.hidden_size >= 1, "hidden_size", "at least 1", self.hidden_size)
        holds = 0 <= self.r_min < self.r_max < 1
        rnnx.require(holds, "r_min", "at least 0, below r_max, which is below 1", self.r_min)

    def init(self, rng, n_x, dtype):
        n, u = self.hidden_size, rng.uniform(size=(self.hidden_size, 1))
        square = self.r_min**2 + u * (self.r_max**2 - self.r_min**2)  # |λ|²
        params = {
            "nu": np.log(-0.5 * np.log(square)),
            "theta": np.log(2 * np.pi * rng.uniform(size=(n, 1))),
            "gamma": 0.5 * np.log1p(-square),
            "Wx": rng.normal(scale=(2 * n_x) ** -0.5, size=(2 * n, n_x)),  # B: real, imaginary
            "C": rng.normal(scale=n**-0.5, size=(n, 2 * n)),
            "D": rng.normal(scale=n_x**-0.5, size=(n, n_x)),
        }
        return {name: array.astype(dtype) for name, array in params.items()}

    def initial_state(self, B, dtype):
        return tuple(np.zeros((self.hidden_size, B), dtype) for _ in range(3))  # h, Re s, Im s

    def step(self, params, x, state):
        n, (_, re, im) = self.hidden_size, state
        modulus, phase = np.exp(-np.exp(params["nu"])), np.exp(params["theta"])
        a, b, scale = modulus * np.cos(phase), modulus * np.sin(phase), np.exp(params["gamma"])
        Bx = params["Wx"] @ x
        new = np.concatenate([a * re - b * im + scale * Bx[:n], a * im + b * re + scale * Bx[n:]])
        h = params["C"] @ (new * _sign(n, new.dtype)) + params["D"] @ x
        return (h, new[:n], new[n:]), (x, re, im, new, Bx)

    def step_back(self, params, cache, dstate):
        n, (x, re, im, new, Bx) = self.hidden_size, cache
        dh, d_re, d_im = dstate
        modulus, phase = np.exp(-np.exp(params["nu"])), np.exp(params["theta"])
        cos, sin, scale = np.cos(phase), np.sin(phase), np.exp(params["gamma"])
        d_new = params["C"].T @ dh * _sign(n, dh.dtype) + np.concatenate([d_re, d_im])
        d_re, d_im = d_new[:n], d_new[n:]
        d_a, d_b = _sum(d_re * re + d_im * im), _sum(d_im * re - d_re * im)
        dBx = np.concatenate([scale * d_re, scale * d_im])
        dparams = {
            "nu": -(d_a * cos + d_b * sin) * modulus * np.exp(params["nu"]),
            "theta": (d_b * cos - d_a * sin) * modulus * phase,
            "gamma": scale * _sum(d_re * Bx[:n] + d_im * Bx[n:]),
            "Wx": dBx @ x.T,
            "C": dh @ (new * _sign(n, new.dtype)).T,
            "D": dh @ x.T,
        }
        a, b = modulus * cos, modulus * sin
        before = (np.zeros_like(dh), a * d_re + b * d_im, a * d_im - b * d_re)
        return dparams, params["Wx"].T @ dBx + params["D"].T @ dh, before


def _sign(n, dtype):
    """Re((c + i d)(s + i t)) = c s − d t."""
    return np.concatenate([np.ones((n, 1), dtype), -np.ones((n, 1), dtype)])


def _sum(columns):
    return columns.sum(axis=1, keepdims=True)


@rnnx.hookimpl
def register_cells(register):
    register("rotations", LRU)
