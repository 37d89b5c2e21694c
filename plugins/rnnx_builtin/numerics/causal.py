"""A short causal convolution of each feature by itself (depthwise), and its backward pass.

    y⟨t⟩ = Σ_k w[:, k] ⊙ x⟨t − (K−1) + k⟩ + b,   k = 0 … K − 1

    w (n, K) · b (n, 1) · state ((K−1)·n, B): the last K − 1 inputs, the oldest first

so that w[:, K−1] meets the step itself.
"""

from __future__ import annotations

import numpy as np

from rnnx.arrays import Array
from rnnx.padding import is_padded


def convolve(
    w: Array, b: Array, x: Array, state: Array, lengths: Array | None
) -> tuple[Array, Array, Array]:
    """``y (T, n, B), final state, window``; the window (T + K − 1, n, B) is what backward needs."""
    (T, n, B), K = x.shape, w.shape[1]
    window = np.concatenate([state.reshape(K - 1, n, B), x])
    y = w[:, K - 1 :] * x + b
    for k in range(K - 1):
        y += w[:, k : k + 1] * window[k : k + T]
    return y, _last(window, T, lengths).reshape(state.shape), window


def _last(window: Array, T: int, lengths: Array | None) -> Array:
    """(K − 1, n, B): the inputs before each column's end (a copy)."""
    before = len(window) - T
    if lengths is None or not is_padded(lengths, T):
        return window[T:].copy()
    places = lengths + np.arange(before)[:, None]
    return np.ascontiguousarray(window[places, :, np.arange(len(lengths))].transpose(0, 2, 1))


def convolve_back(w: Array, window: Array, dy: Array) -> tuple[Array, Array, Array]:
    """``dw, db, dx``; the gradient by the state before is left out."""
    T, K = len(dy), w.shape[1]
    dw, dx = np.empty_like(w), np.zeros_like(dy)
    for k in range(K):
        dw[:, k] = np.sum(dy * window[k : k + T], axis=(0, 2))
        ahead = K - 1 - k  # y⟨t + ahead⟩ read x⟨t⟩ through w[:, k]
        if ahead < T:
            dx[: T - ahead] += w[:, k : k + 1] * dy[ahead:]
    return dw, np.sum(dy, axis=(0, 2))[:, None], dx
