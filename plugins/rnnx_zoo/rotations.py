"""LRU's parameters as the numbers its loop and its products take, and the way back.

nu, theta, gamma (n_a, 1), B, C and D are described in ``rnnx_zoo.lru``.
"""

from __future__ import annotations

import numpy as np

from rnnx.arrays import Array, Params


def eigenvalues(params: Params) -> tuple[Array, Array]:
    """Re λ and Im λ, (n_a, 1) each."""
    size, angle = np.exp(-np.exp(params["nu"])), np.exp(params["theta"])
    return size * np.cos(angle), size * np.sin(angle)


def input_weights(params: Params) -> Array:
    """What x is multiplied by: e^gamma ⊙ B and D, (3·n_a, n_x)."""
    (n_a, _), B, D = params["nu"].shape, params["B"], params["D"]
    scale = np.tile(np.exp(params["gamma"]), (2, 1))
    return np.concatenate([scale * B, np.diagflat(D) if B.shape[1] == n_a else D])


def read_out(params: Params) -> Array:
    """Re(C·s) as a product with (Re s, Im s): Im C changes its sign."""
    n_a = len(params["C"])
    return np.concatenate([params["C"][:, :n_a], -params["C"][:, n_a:]], axis=1)


def by_input(params: Params, dW: Array) -> Params:
    """The gradients of gamma, B and D from that of what x is multiplied by."""
    (n_a, _), B = params["nu"].shape, params["B"]
    scale = np.tile(np.exp(params["gamma"]), (2, 1))
    dB = scale * dW[: 2 * n_a]
    d_gamma = (dB * B).reshape(2, n_a, -1).sum(axis=(0, 2))[:, None]
    dD = dW[2 * n_a :]
    return {"gamma": d_gamma, "B": dB, "D": np.diag(dD)[:, None] if B.shape[1] == n_a else dD}


def by_eigenvalues(params: Params, d_real: Array, d_imaginary: Array) -> Params:
    """The gradients of nu and theta from those of Re λ and Im λ, (n_a, 1) each."""
    real, imaginary = eigenvalues(params)
    d_nu = -np.exp(params["nu"]) * (d_real * real + d_imaginary * imaginary)
    d_theta = np.exp(params["theta"]) * (d_imaginary * real - d_real * imaginary)
    return {"nu": d_nu, "theta": d_theta}
