"""Tide, the whole sequence at once: only what has to wait for h⟨t−1⟩ is inside the loops.

[a; b]  = Wx·x⟨t⟩ + Wh·h⟨t−1⟩ + bias,   u = σ(a),   g = tanh(b)
h⟨t⟩    = u ⊙ h⟨t−1⟩ + (1 − u) ⊙ g
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

import rnnx
from rnnx.padding import FinalGradient, clean, last_valid, mask


class Cache(NamedTuple):
    x: rnnx.Array  # (T, B) ids or (T, n_x, B)
    hs: rnnx.Array  # (T + 1, n_a, B), hs[0] the initial state
    u: rnnx.Array  # (T, n_a, B)
    g: rnnx.Array  # (T, n_a, B)
    lengths: rnnx.Array | None  # (B,)


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

    def initial_state(self, B, dtype):
        return (np.zeros((self.hidden_size, B), dtype),)

    def forward(self, params, x, state, lengths, scratch):
        (T, B), n, Wh = (len(x), x.shape[-1]), self.hidden_size, params["Wh"]
        dtype = Wh.dtype
        x = clean(x, lengths)  # what lies beyond a column's length counts as zero
        if x.ndim == 2:
            none = np.zeros((2 * n, 1), dtype)  # the column of id −1, which is the last one
            z = np.concatenate([params["Wx"], none], axis=1).T[x].transpose(0, 2, 1)
        else:
            z = params["Wx"] @ x
        z = np.add(z, params["b"], out=scratch.array("z", (T, 2 * n, B), dtype))
        z[:, :n] *= 0.5  # σ(a) = ½·tanh(½·a) + ½: one tanh for both halves
        half = np.concatenate([0.5 * Wh[:n], Wh[n:]])
        hs = scratch.array("hs", (T + 1, n, B), dtype)
        hs[0] = state[0]
        for t in range(T):
            z_t = z[t]
            z_t += half @ hs[t]
            np.tanh(z_t, out=z_t)
            u, g = z_t[:n], z_t[n:]
            u *= 0.5
            u += 0.5
            np.subtract(hs[t], g, out=hs[t + 1])
            hs[t + 1] *= u
            hs[t + 1] += g  # g + u·(h⟨t−1⟩ − g)
        final = last_valid(hs[1:], hs[0], lengths)
        if lengths is not None:
            hs[1:] *= mask(lengths, T, dtype)[:, None]
        return hs[1:], (final,), Cache(x, hs, z[:, :n], z[:, n:], lengths)

    def backward(self, params, cache, dh, dstate, scratch):
        x, hs, u, g, lengths = cache
        (T, n, B), dtype = dh.shape, hs.dtype
        if lengths is not None:
            dh = np.where(mask(lengths, T)[:, None], dh, 0)
        by_u, by_g = (hs[:-1] - g) * u * (1 - u), (1 - u) * (1 - g * g)  # no step waits for these
        ends, back = FinalGradient(dstate, lengths, T), np.zeros((n, B), dtype)
        WhT = np.ascontiguousarray(params["Wh"].T)
        dz = scratch.array("dz", (T, 2 * n, B), dtype)
        for t in reversed(range(T)):
            if (final := ends.at(t)) is not None:
                back = back + final[0]
            d = dh[t] + back
            np.multiply(d, by_u[t], out=dz[t, :n])
            np.multiply(d, by_g[t], out=dz[t, n:])
            back = WhT @ dz[t]
            back += d * u[t]
        if (final := ends.at(-1)) is not None:
            back = back + final[0]
        n_x = params["Wx"].shape[1]
        dense = np.arange(n_x)[:, None] == x[:, None] if x.ndim == 2 else x
        flat = _flat(dz)  # one product over all steps for each weight
        dparams = {
            "Wx": flat @ _flat(dense.astype(dtype)).T,
            "Wh": flat @ _flat(hs[:-1]).T,
            "b": flat.sum(axis=1, keepdims=True),
        }
        return dparams, None if x.ndim == 2 else params["Wx"].T @ dz, (back,)


def _flat(steps):
    """(T, n, B) → (n, T·B)."""
    return steps.transpose(1, 0, 2).reshape(steps.shape[1], -1)
