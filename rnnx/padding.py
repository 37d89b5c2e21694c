"""Columns of different lengths in one batch: what lies beyond a length never counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnx.arrays import Array, State


def is_padded(lengths: Array | None, T: int) -> bool:
    """Whether any column ends before step T."""
    return lengths is not None and int(lengths.min()) < T


def mask(lengths: Array, T: int, dtype: Any = np.bool_) -> Array:
    """(T, B): 1 where a step is valid, else 0."""
    return (np.arange(T)[:, None] < lengths).astype(dtype)


def clean(x: Array, lengths: Array | None) -> Array:
    """``x`` with everything beyond the lengths replaced by the zero vector (a copy if needed)."""
    if lengths is None or not is_padded(lengths, len(x)):
        return x
    valid = mask(lengths, len(x))
    if x.ndim == 2:
        return np.where(valid, x, -1)
    return np.where(valid[:, None], x, 0)


def last_valid(steps: Array, initial: Array, lengths: Array | None) -> Array:
    """(T, …, B) → (…, B): each column's value at its last valid step (a copy).

    A column of length 0 keeps its ``initial`` (…, B).
    """
    T, B = len(steps), steps.shape[-1]
    if lengths is None or not is_padded(lengths, T):
        return steps[-1].copy() if T else initial.copy()
    columns = steps[lengths - 1, ..., np.arange(B)]  # (B, …)
    last = columns.transpose(*range(1, columns.ndim), 0)
    return np.ascontiguousarray(np.where(lengths > 0, last, initial))


class FinalGradient:
    """Feeds the gradient by the final state into the step at which each column ends.

    ``at(t)`` gives the part of ``dstate`` that enters at step t, or None where nothing does.
    """

    def __init__(self, dstate: State | None, lengths: Array | None, T: int) -> None:
        self._dstate = dstate
        self._last = T - 1
        self._ends = lengths - 1 if lengths is not None and is_padded(lengths, T) else None

    def at(self, t: int) -> State | None:
        """What enters at step t; t = −1 asks for columns of length 0."""
        if self._dstate is None:
            return None
        if self._ends is None:
            return self._dstate if t == self._last else None
        here = self._ends == t
        if not here.any():
            return None
        return tuple(np.where(here, d, 0) for d in self._dstate)
