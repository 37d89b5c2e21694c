"""Leaky units with a compiled form: the recurrence is elementwise, so NumPy's loop is mostly calls.

u⟨t⟩ = Wx·x⟨t⟩ + b,   a = σ(λ)
h⟨t⟩ = a ⊙ h⟨t−1⟩ + (1 − a) ⊙ u⟨t⟩

Wx (n_a, n_x) · b, λ (n_a, 1) · state (h,)
"""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

import rnnx
from rnnx.padding import FinalGradient, clean, last_valid, mask


class Cache(NamedTuple):
    x: rnnx.Array  # (T, B) ids or (T, n_x, B)
    u: rnnx.Array  # (T, n_a, B)
    hs: rnnx.Array  # (T + 1, n_a, B), hs[0] the initial state
    lengths: rnnx.Array | None  # (B,)


@dataclass(frozen=True)
class Leaky:
    """Each unit is a moving average of its input, with a rate of its own that is learned."""

    hidden_size: int = 64
    """n_a, units, at least 1."""

    def __post_init__(self):
        rnnx.require(self.hidden_size >= 1, "hidden_size", "at least 1", self.hidden_size)

    def init(self, rng, n_x, dtype):
        n = self.hidden_size
        return {
            "Wx": rnnx.fill("glorot", rng, (n, n_x), dtype),
            "b": rnnx.fill("zeros", rng, (n, 1), dtype),
            "λ": np.linspace(-2, 4, n, dtype=dtype).reshape(n, 1),  # a from 0.12 to 0.98
        }

    def initial_state(self, B, dtype):
        return (np.zeros((self.hidden_size, B), dtype),)

    def forward(self, params, x, state, lengths, scratch):
        return _forward(params, x, state, lengths, scratch, scan)

    def backward(self, params, cache, dh, dstate, scratch):
        return _backward(params, cache, dh, dstate, scratch, scan_back)

    def compiled(self, threads):
        """The same with its two loops over time compiled; one thread is enough for them."""
        return CompiledLeaky(*loops())


class CompiledLeaky(NamedTuple):
    """The compiled form: ``forward`` and ``backward`` take the place of the cell's own."""

    scan: object
    scan_back: object

    def forward(self, params, x, state, lengths, scratch):
        return _forward(params, x, state, lengths, scratch, self.scan)

    def backward(self, params, cache, dh, dstate, scratch):
        return _backward(params, cache, dh, dstate, scratch, self.scan_back)


def scan(a, u, hs):
    """hs[t + 1] = a·hs[t] + (1 − a)·u[t] for a (n, 1), u (T, n, B), hs (T + 1, n, B)."""
    for t in range(len(u)):
        hs[t + 1] = u[t] + a * (hs[t] - u[t])


def scan_back(a, u, hs, dh, back, du, da):
    """From dh (T, n, B) and the final state's ``back`` (n, B): du, da, and ``back`` by h⟨0⟩."""
    for t in range(len(u) - 1, -1, -1):
        back += dh[t]
        du[t] = (1 - a) * back
        da += ((hs[t] - u[t]) * back).sum(axis=1, keepdims=True)
        back *= a


@cache
def loops():
    """Both loops, compiled by numba (the extra ``fast``) the first time that a run needs them."""
    from numba import njit

    @njit(fastmath=False)
    def scan(a, u, hs):
        T, n, B = u.shape
        for t in range(T):
            for i in range(n):
                for j in range(B):
                    hs[t + 1, i, j] = u[t, i, j] + a[i, 0] * (hs[t, i, j] - u[t, i, j])

    @njit(fastmath=False)
    def scan_back(a, u, hs, dh, back, du, da):
        T, n, B = u.shape
        for t in range(T - 1, -1, -1):
            for i in range(n):
                for j in range(B):
                    d = back[i, j] + dh[t, i, j]
                    du[t, i, j] = (1 - a[i, 0]) * d
                    da[i, 0] += (hs[t, i, j] - u[t, i, j]) * d
                    back[i, j] = a[i, 0] * d

    return scan, scan_back


def _forward(params, x, state, lengths, scratch, scan):
    (T, B), n, dtype = (len(x), x.shape[-1]), len(params["Wx"]), params["Wx"].dtype
    x = clean(x, lengths)
    if x.ndim == 2:
        none = np.zeros((n, 1), dtype)  # the column of id −1, which is the last one
        u = np.concatenate([params["Wx"], none], axis=1).T[x].transpose(0, 2, 1)
    else:
        u = params["Wx"] @ x
    u = np.add(u, params["b"], out=scratch.array("u", (T, n, B), dtype))
    hs = scratch.array("hs", (T + 1, n, B), dtype)
    hs[0] = state[0]
    scan(_rate(params), u, hs)
    final = last_valid(hs[1:], hs[0], lengths)
    if lengths is not None:
        hs[1:] *= mask(lengths, T, dtype)[:, None]
    return hs[1:], (final,), Cache(x, u, hs, lengths)


def _backward(params, cache, dh, dstate, scratch, scan_back):
    x, u, hs, lengths = cache
    (T, n, B), dtype, a = dh.shape, hs.dtype, _rate(params)
    dh = np.where(mask(lengths, T)[:, None], dh, 0) if lengths is not None else dh.copy()
    ends = FinalGradient(dstate, lengths, T)
    for t in range(T):
        if (final := ends.at(t)) is not None:
            dh[t] += final[0]
    back, da = np.zeros((n, B), dtype), np.zeros((n, 1), dtype)
    du = scratch.array("du", (T, n, B), dtype)
    scan_back(a, u, hs, np.ascontiguousarray(dh), back, du, da)
    if (final := ends.at(-1)) is not None:
        back = back + final[0]
    n_x = params["Wx"].shape[1]
    dense = np.arange(n_x)[:, None] == x[:, None] if x.ndim == 2 else x
    dparams = {
        "Wx": np.tensordot(du, dense.astype(dtype), ((0, 2), (0, 2))),
        "b": du.sum(axis=(0, 2))[:, None],
        "λ": da * a * (1 - a),
    }
    return dparams, None if x.ndim == 2 else params["Wx"].T @ du, (back,)


def _rate(params):
    """a = σ(λ), (n, 1)."""
    return 1 / (1 + np.exp(-params["λ"]))
