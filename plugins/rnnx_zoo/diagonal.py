"""Recurrences without a product: each unit sees its own past alone.

    h⟨t⟩ = k⟨t⟩ ⊙ h⟨t−1⟩ + w⟨t⟩

Where k and w depend on the input alone, the products and the activations of all steps come before
the loop, and what is left in it is one multiplication and one addition a unit. Back through time,
with d⟨t⟩ the gradient by h⟨t⟩ from h itself and from all later steps:

    d⟨t⟩ = dh⟨t⟩ + k⟨t+1⟩ ⊙ d⟨t+1⟩,   dk⟨t⟩ = d⟨t⟩ ⊙ h⟨t−1⟩,   dw⟨t⟩ = d⟨t⟩

The parallel forms of these cells (prefix sums of logarithms) are for accelerators: on a processor
this loop reads and writes each number once.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array
from rnnx.contracts.buffers import Scratch
from rnnx.padding import FinalGradient, clean
from rnnx_builtin.numerics.whole_sequence import (
    One,
    input_rows,
    input_weights,
    project,
    sum_products,
    tiles,
)
from rnnx_zoo.sigmoid import sigmoid


def projected(W: Array, b: Array, x: Array, lengths: Array | None, scratch: Scratch) -> Array:
    """W·x⟨t⟩ + b of all steps, (T, n, B), to be changed in place."""
    z = project(W, b, x, lengths, scratch)
    if isinstance(z, np.ndarray):
        return z
    out = scratch.array("z_steps", (len(x), len(W), x.shape[-1]), W.dtype)
    for t in range(len(x)):
        out[t] = z[t]
    return out


def as_vectors(
    x: Array, n_x: int, lengths: Array | None, dtype: npt.DTypeLike, scratch: Scratch
) -> Array:
    """x (T, n_x, B); ids as columns with a one."""
    x = clean(x, lengths)
    if x.ndim == 3:
        return x
    out = scratch.array("one_hot", (len(x), n_x, x.shape[1]), dtype)
    return np.equal(np.arange(n_x)[:, None], x[:, None], out=out)


def weight_gradients(
    dz: Array, x: Array, n_x: int, lengths: Array | None, scratch: Scratch
) -> tuple[Array, Array]:
    """``dWx (n, n_x), db (n, 1)`` from dz (T, n, B), which is 0 in the padding."""
    inputs = input_rows(x, n_x, lengths)
    total = sum_products(dz, [inputs, One()], "dW", scratch)
    db = scratch.array("db", (dz.shape[1], 1), dz.dtype)
    np.copyto(db, total[:, -1:])
    return input_weights(total[:, :-1], inputs, n_x, scratch), db


def pieces(T: int, step_bytes: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of pieces of steps that fit into the cache, the first step first."""
    yield from reversed(list(tiles(T, step_bytes)))


def recur(keep: Array, hs: Array, start: int, stop: int, scratch: Scratch) -> None:
    """h⟨t⟩ += k⟨t⟩ ⊙ h⟨t−1⟩ from start to stop: hs (T + 1, n, B) holds w behind h⟨0⟩."""
    kept = scratch.array("kept", hs.shape[1:], hs.dtype)
    for t in range(start, stop):
        np.multiply(keep[t], hs[t], out=kept)
        hs[t + 1] += kept


class Back:
    """The recurrence back in time, a piece of steps at a time."""

    def __init__(self, keep: Array, dh: Array, ends: FinalGradient, which: int = 0) -> None:
        self._keep, self._dh, self._ends, self._which = keep, dh, ends, which
        self.state = np.zeros(dh.shape[1:], dh.dtype)
        """What reaches the state before the earliest step so far, (n, B)."""

    def piece(self, start: int, stop: int, scratch: Scratch) -> Array:
        """d⟨t⟩ from start to stop, (stop − start, n, B); the pieces come last to first."""
        d = scratch.array("d_state", (stop - start, *self.state.shape), self.state.dtype)
        for t in range(stop - 1, start - 1, -1):
            if (final := self._ends.at(t)) is not None:
                self.state += final[self._which]
            np.add(self.state, self._dh[t], out=d[t - start])
            np.multiply(d[t - start], self._keep[t], out=self.state)
        return d

    def initial(self) -> Array:
        """The gradient by the initial state, after the last piece."""
        if (final := self._ends.at(-1)) is not None:
            self.state += final[self._which]
        return self.state


def positive(a: Array, scratch: Scratch) -> Array:
    """g(a) = a + ½ where a ≥ 0, σ(a) below, in place: positive, continuous, and linear above 0."""
    below = np.minimum(a, 0, out=scratch.array("below", a.shape, a.dtype))
    np.maximum(a, 0, out=a)
    a += sigmoid(below)
    return a


def positive_slope(g: Array, name: str, scratch: Scratch) -> Array:
    """g′ from g: 1 where g ≥ ½, g·(1 − g) below."""
    slope = np.subtract(1, g, out=scratch.array(name, g.shape, g.dtype))
    slope *= g
    np.copyto(slope, 1, where=g >= 0.5)
    return slope
