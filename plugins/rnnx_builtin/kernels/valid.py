"""The tokens of a padded batch that count, side by side: products then have fewer columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnx.contracts import Array
from rnnx.padding import is_padded
from rnnx.scratch import Scratch
from rnnx_builtin.kernels.compiling import kernel
from rnnx_builtin.kernels.sequence import States, flat_buffer


def places_of(lengths: Array | None, T: int, B: int, scratch: Scratch) -> Array | None:
    """(N,) where in T·B the valid tokens are; None where all of them are valid."""
    if lengths is None or not is_padded(lengths, T):
        return None
    places = scratch.array("places", (T * B,), np.intp)
    return places[: _find(lengths, T, places)]


def valid_columns(
    flat: Array, places: Array | None, count: int, name: str, scratch: Scratch
) -> Array:
    """(n, ≥ ``count``) → (n, N), a view where all of T·B = ``count`` are valid."""
    if places is None:
        return flat[:, :count]
    out = flat_buffer(name, len(flat), count, flat.dtype, scratch)
    _take_columns(flat, places, out)
    return out[:, : len(places)]


def valid_rows(flat: Array, places: Array | None, count: int, name: str, scratch: Scratch) -> Array:
    """The same transposed, (N, n): a product likes its right side so."""
    if places is None:
        return flat[:, :count].T
    out = scratch.array(name, (count, len(flat)), flat.dtype)
    _take_rows(flat, places, out)
    return out[: len(places)]


def recurrent_gradient(
    dz_flat: Array, states: States, lengths: Array | None, scratch: Scratch
) -> Array:
    """``dWh`` = Σ dz·h⟨t−1⟩ᵀ from dz (n, ≥ T·B): one product over all valid tokens."""
    T, n_a, B = states.h.shape
    places = places_of(lengths, T, B, scratch)
    dz = valid_columns(dz_flat, places, T * B, "dz_valid", scratch)
    before = valid_rows(states.flat, places, T * B, "before_valid", scratch)
    dWh = scratch.array("dWh", (len(dz), n_a), dz.dtype)
    return np.matmul(dz, before, out=dWh)


@kernel
def put_back(columns: Any, places: Any, out: Any) -> None:
    """The way back from ``valid_columns``: 0 where a column has ended."""
    for u in range(len(out)):
        out[u] = 0
        for e in range(len(places)):
            out[u, places[e]] = columns[u, e]


@kernel
def _find(ends: Any, T: int, places: Any) -> int:
    B, count = len(ends), 0
    for t in range(T):
        for b in range(B):
            if t < ends[b]:
                places[count] = t * B + b
                count += 1
    return count


@kernel
def _take_columns(flat: Any, places: Any, out: Any) -> None:
    for u in range(len(flat)):
        for e in range(len(places)):
            out[u, e] = flat[u, places[e]]


@kernel
def _take_rows(flat: Any, places: Any, out: Any) -> None:
    for u in range(len(flat)):
        for e in range(len(places)):
            out[e, u] = flat[u, places[e]]
