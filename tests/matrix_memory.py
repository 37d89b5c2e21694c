"""A third-party cell whose memory is a matrix a column, and one number a column beside it.

A linear associative memory with a forget gate (Schmidhuber 1992, Ba et al. 2016):

q, k, v = rows of W x⟨t⟩ + b        the question, the key and the value, n each
f       = σ(the last row)           (1, B): how much of the memory stays
S⟨t⟩    = f S⟨t−1⟩ + v kᵀ           (n, n, B)
m⟨t⟩    = f m⟨t−1⟩ + 1              (B,): how many values S holds, about
h⟨t⟩    = S⟨t⟩ q / (1 + m⟨t⟩²)      (n, B)
"""

from dataclasses import dataclass

import numpy as np

import rnnx

requires_api = 1


@rnnx.unroll
@dataclass(frozen=True)
class MatrixMemory:
    """A memory of key and value pairs, read with a question."""

    hidden_size: int = 16
    """n_a, units, at least 1."""

    def __post_init__(self):
        rnnx.require(self.hidden_size >= 1, "hidden_size", "at least 1", self.hidden_size)

    def init(self, rng, n_x, dtype):
        n = self.hidden_size
        b = np.zeros((3 * n + 1, 1))
        b[-1] = 2.0  # remember at first
        weights = rng.normal(scale=n_x**-0.5, size=(3 * n + 1, n_x))
        return {"Wx": weights.astype(dtype), "b": b.astype(dtype)}

    def initial_state(self, B, dtype):
        n = self.hidden_size
        return np.zeros((n, B), dtype), np.zeros((n, n, B), dtype), np.zeros(B, dtype)

    def step(self, params, x, state):
        n, (_, S, m) = self.hidden_size, state
        z = params["Wx"] @ x + params["b"]
        q, k, v, f = z[:n], z[n : 2 * n] / n, z[2 * n : 3 * n], 1 / (1 + np.exp(-z[3 * n]))
        new, mass = f * S + v[:, None] * k, f * m + 1
        y, scale = np.einsum("ijb,jb->ib", new, q), 1 / (1 + mass * mass)
        return (y * scale, new, mass), (x, S, m, q, k, v, f, new, mass, y, scale)

    def step_back(self, params, cache, dstate):
        x, S, m, q, k, v, f, new, mass, y, scale = cache
        dh, dS, dm = dstate
        dy = dh * scale
        dm = dm - 2 * mass * scale * scale * (dh * y).sum(axis=0)
        dS = dS + dy[:, None] * q
        df = (dS * S).sum(axis=(0, 1)) + dm * m
        dq, dv = np.einsum("ijb,ib->jb", new, dy), np.einsum("ijb,jb->ib", dS, k)
        dk = np.einsum("ijb,ib->jb", dS, v) / len(q)
        dz = np.concatenate([dq, dk, dv, (df * f * (1 - f))[None]])
        dparams = {"Wx": dz @ x.T, "b": dz.sum(axis=1, keepdims=True)}
        return dparams, params["Wx"].T @ dz, (np.zeros_like(dh), f * dS, f * dm)


@rnnx.hookimpl
def register_cells(register):
    register("matrix_memory", MatrixMemory)
