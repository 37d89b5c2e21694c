"""The cell that the kit puts into a block: h⟨t⟩ = tanh(A·x⟨t⟩ + R·h⟨t−1⟩), with its backward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnx.arrays import Array
from rnnx.padding import clean, last_valid


@dataclass(frozen=True)
class InnerCell:
    """A (n_a, n_x) and R (n_a, n_a)."""

    A: Array
    R: Array

    @classmethod
    def drawn(cls, rng: np.random.Generator, n_x: int, n_a: int, dtype: Any) -> InnerCell:
        """Random weights."""
        A, R = rng.normal(size=(n_a, n_x)), 0.5 * rng.normal(size=(n_a, n_a))
        return cls(A.astype(dtype), R.astype(dtype))

    def begin(self, state: Array, lengths: Array | None) -> Pass:
        """One forward and backward pass from ``state`` (n_a, B)."""
        return Pass(self, state, lengths)


class Pass:
    """The two functions that a block is given."""

    def __init__(self, cell: InnerCell, state: Array, lengths: Array | None) -> None:
        self._cell, self._first, self._lengths = cell, state, lengths
        self._hs: list[Array] = [state]
        self.final = state

    def forward(self, x: Array) -> Array:
        """x, dense (T, n_x, B) or ids (T, B) → h (T, n_a, B), 0 beyond the lengths."""
        A, R = self._cell.A, self._cell.R
        if x.ndim == 2:
            x = (np.arange(A.shape[1])[:, None] == x[:, None]).astype(A.dtype)
        self._hs = [self._first]
        for x_t in clean(x, self._lengths):
            self._hs.append(np.tanh(A @ x_t + R @ self._hs[-1]))
        h = np.stack(self._hs[1:])
        self.final = last_valid(h, self._first, self._lengths)
        return clean(h, self._lengths)

    def backward(self, dh: Array) -> Array:
        """dh (T, n_a, B) → dx (T, n_x, B), 0 beyond the lengths."""
        A, R, back = self._cell.A, self._cell.R, np.zeros_like(self._first)
        dh, dx = clean(dh, self._lengths), []
        for t in reversed(range(len(dh))):
            dz = (dh[t] + back) * (1 - np.square(self._hs[t + 1]))
            back = R.T @ dz
            dx.append(A.T @ dz)
        return np.stack(dx[::-1])
