"""Pack the valid tokens of a padded batch side by side, so that products have fewer columns."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from rnnx.arrays import Array
from rnnx.contracts.buffers import LINE, Scratch, flat_buffer
from rnnx_builtin.kernels import meanwhile
from rnnx_builtin.kernels.rnn.sequence import States
from rnnx_builtin.kernels.simd.blas import matmul
from rnnx_builtin.kernels.simd.compiling import inline, kernel
from rnnx_builtin.kernels.simd.gemm import lanes_of
from rnnx_builtin.kernels.simd.vectors import load, store, zeros_of


class ValidTokens(NamedTuple):
    """The N valid tokens among T·B."""

    places: Array  # (N,) the index of each among T·B
    runs: Array  # (≥ n_runs, 3) of neighbours: the start among T·B, the start among N, the length
    n_runs: int


def find_valid(lengths: Array | None, T: int, B: int, scratch: Scratch) -> ValidTokens | None:
    """Find the valid tokens; None if all of them are."""
    if lengths is None:
        return None
    places = scratch.array("places", (T * B,), np.intp)
    runs = scratch.array("runs", (T * B, 3), np.intp)
    count, last = find_runs(lengths, T, places, runs)
    return ValidTokens(places[:count], runs, last) if count < T * B else None


def take_valid(
    flat: Array, valid: ValidTokens | None, count: int, name: str, scratch: Scratch
) -> Array:
    """(n, ≥ T·B) → (n, N) the valid columns; a view where all ``count`` = T·B are valid."""
    if valid is None:
        return flat[:, :count]
    out = flat_buffer(name, len(flat), count, flat.dtype, scratch)
    take_runs(flat, valid.runs, valid.n_runs, out)
    return out[:, : len(valid.places)]


def recurrent_gradient(
    dz_flat: Array, states: States, lengths: Array | None, threads: int, scratch: Scratch
) -> Array:
    """``dWh`` = Σ dz·h⟨t−1⟩ᵀ from dz (n, ≥ T·B): one product over all valid tokens."""
    T, n_a, B = states.h.shape
    if lengths is None:
        dWh = scratch.array("dWh", (len(dz_flat), n_a), dz_flat.dtype)
        return matmul(dz_flat[:, : T * B], states.flat[:, : T * B].T, dWh, threads)
    valid = find_valid(lengths, T, B, scratch)
    dz = take_valid(dz_flat, valid, T * B, "dz_valid", scratch)
    before = take_valid(states.flat, valid, T * B, "before_valid", scratch)
    dWh = scratch.array("dWh", (len(dz), n_a), dz.dtype)
    return matmul(dz, before.T, dWh, threads)


@partial(kernel, meanwhile=meanwhile.find_runs)
def find_runs(ends: Any, T: int, places: Any, runs: Any) -> tuple[int, int]:
    """``N, runs`` of the valid tokens, which go to ``places`` and ``runs`` (ValidTokens)."""
    B, count, last = len(ends), 0, 0
    for t in range(T):
        for b in range(B):
            if t < ends[b]:
                at = t * B + b
                if count == 0 or places[count - 1] != at - 1:
                    runs[last, 0], runs[last, 1], runs[last, 2] = at, count, 0
                    last += 1
                places[count] = at
                runs[last - 1, 2] += 1
                count += 1
    return count, last


@partial(kernel, meanwhile=meanwhile.take_runs)
def take_runs(flat: Any, runs: Any, count: int, out: Any) -> None:
    """Copy ``count`` runs of columns in ``flat`` side by side into ``out``."""
    for u in range(len(flat)):
        for r in range(count):
            _copy(flat, u, runs[r, 0], out, runs[r, 1], runs[r, 2], r < count - 1)


@partial(kernel, meanwhile=meanwhile.put_back)
def put_back(columns: Any, runs: Any, count: int, out: Any) -> None:
    """The inverse of ``take_valid``: 0 where a token is not valid."""
    for u in range(len(out)):
        done = 0
        for r in range(count):
            _clear(out, u, done, runs[r, 0])
            _copy(columns, u, runs[r, 1], out, runs[r, 0], runs[r, 2], True)
            done = runs[r, 0] + runs[r, 2]
        _clear(out, u, done, out.shape[1])


@inline
def _copy(flat: Any, u: int, start: int, to: Any, at: int, count: int, more: bool) -> None:
    """Copy ``count`` neighbours of row u into that of another array, a register at a time.

    ``more``: what stands behind them is written afterwards, so that whole registers may be copied.
    """
    of, into = _row(flat, u) + start, _row(to, u) + at
    lanes, j = lanes_of(flat), 0
    if more and max(start, at) + count + lanes <= min(flat.shape[1], to.shape[1]):
        while j < count:
            store(to, into + j, load(flat, of + j))
            j += lanes
        return
    while j + lanes <= count:
        store(to, into + j, load(flat, of + j))
        j += lanes
    if j < count and count >= lanes:  # the last register, part of which is copied again
        store(to, into + count - lanes, load(flat, of + count - lanes))
        return
    while j < count:
        to[u, at + j] = flat[u, start + j]
        j += 1


@inline
def _clear(flat: Any, u: int, start: int, stop: int) -> None:
    """Set columns of row u to 0, a register at a time, and some behind them if there are more."""
    row, lanes, j = _row(flat, u), lanes_of(flat), start
    while j < stop and j + lanes <= flat.shape[1]:
        store(flat, row + j, zeros_of(flat))
        j += lanes
    while j < stop:
        flat[u, j] = 0
        j += 1


@inline
def width_for(flat: Any, count: int) -> Any:
    """``row_width`` of ``flat_buffer``, in a kernel."""
    line = LINE // flat.itemsize
    lines = (count + line - 1) // line
    return (lines + 1 - lines % 2) * line


@intrinsic
def with_width(typing: Any, flat: Any, width: Any) -> Any:
    """The memory of ``flat`` as rows of another width, no wider: they are on fewer pages."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        given, made = (context.make_array(flat)(context, builder, *a) for a in ([args[0]], []))
        size = context.get_constant(types.intp, flat.dtype.bitwidth // 8)
        rows = builder.extract_value(given.shape, 0)
        own = given.itemsize, given.meminfo
        populate_array(made, given.data, [rows, args[1]], [builder.mul(args[1], size), size], *own)
        return made._getvalue()

    return flat(flat, types.intp), codegen


@inline
def _row(flat: Any, u: int) -> Any:
    """Where row u begins, as a flat index; a view may have fewer columns than its memory."""
    return u * (flat.strides[0] // flat.itemsize)
