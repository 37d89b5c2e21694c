"""The time loop of all cells whose units see themselves alone, unit by unit.

A unit's row has all its steps and columns, T · B_p numbers, B_p whole registers: it is read from
front to back, and what a step leaves for the next is a few registers away. Units depend on nothing
of each other, so threads share them out and a result is the same for any number of threads.

``kind`` chooses the equations. z are the input's sums by row, a block of n rows for each gate; the
loop leaves there what it needs on the way back. ``own`` (n, 4) are a unit's own numbers.
"""

from __future__ import annotations

from typing import Any

from rnnx_builtin.kernels.simd.compiling import inline, kernel
from rnnx_builtin.kernels.simd.gemm import lanes_of
from rnnx_builtin.kernels.simd.vectors import load, load_from, store, sum_of, zeros_of
from rnnx_zoo.kernels import diagonal_steps as steps
from rnnx_zoo.kernels.diagonal_steps import at_row

MIN_GRU, MIN_LSTM, SRU, LRU, RG_LRU, IND_RNN = range(6)


@kernel
def forward(
    kind: int,
    z: Any,  # (blocks · n, ≥ T · B_p)
    b: Any,  # (blocks · n, 1), added to z
    s: Any,  # (n, ≥ T · B_p): a second input: SRU's highway, RG-LRU's u
    own: Any,  # (n, 4)
    hs: Any,  # (n, ≥ (T + 1) · B_p), the initial state first; LRU: (2 · n, …)
    out: Any,  # (n, ≥ T · B_p): SRU's h
    active: Any,  # (T,): columns that a step computes, whole registers
    B_p: int,
    first: int,
    last: int,
) -> None:
    """Units from first to last, all steps."""
    n, lanes, zero = len(own), lanes_of(z), zeros_of(z)
    for u in range(first, last):
        for t in range(len(active)):
            before, at = at_row(hs, u, t * B_p), t * B_p
            for e in range(0, active[t], lanes):
                _advance(kind, z, b, s, own, hs, out, (u, n, at + e, before + e, B_p))
            for e in range(active[t], B_p, lanes):
                store(hs, before + B_p + e, zero)
                if kind == LRU:
                    store(hs, before + n * hs.shape[1] + B_p + e, zero)
                if kind == SRU:
                    store(out, at_row(out, u, at + e), zero)


@inline
def _advance(kind: int, z: Any, b: Any, s: Any, own: Any, hs: Any, out: Any, place: Any) -> None:
    if kind == MIN_GRU:
        steps.min_gru(z, b, hs, place)
    elif kind == MIN_LSTM:
        steps.min_lstm(z, b, own, hs, place)
    elif kind == SRU:
        steps.sru(z, b, s, own, hs, out, place)
    elif kind == LRU:
        steps.lru(z, own, hs, place)
    elif kind == RG_LRU:
        steps.rg_lru(z, b, s, own, hs, place)
    else:
        steps.ind_rnn(z, b, own, hs, place)


@kernel
def backward(
    kind: int,
    z: Any,  # what forward left, and s, own and hs as there
    s: Any,
    own: Any,
    hs: Any,
    g: Any,  # (n, ≥ T · B_p): by h, 0 beyond the ends; LRU: (2 · n, …) by Re s and Im s
    d_final: Any,  # (n, B), LRU: (2 · n, B): by the final state
    ends: Any,  # (B,)
    ending: Any,  # (T,): whether any column ends with a step
    active: Any,
    back: Any,  # (n, B_p), LRU: (2 · n, B_p): in the end by the initial state
    dz: Any,  # (blocks · n, ≥ T · B_p)
    ds: Any,  # (n, ≥ T · B_p)
    d_own: Any,  # (n, 2)
    first: int,
    last: int,
) -> None:
    """The gradients of units from first to last, all steps."""
    n, lanes, B_p = len(own), lanes_of(z), back.shape[1]
    for u in range(first, last):
        sum_0, sum_1 = zeros_of(z), zeros_of(z)
        _clear(back, u, n)
        for t in range(len(active) - 1, -1, -1):
            if ending[t]:
                _add_final(back, d_final, ends, t, u, n)
            before, at = at_row(hs, u, t * B_p), t * B_p
            for e in range(0, active[t], lanes):
                place = u, n, at + e, before + e, B_p
                by_0, by_1 = _retreat(kind, z, s, own, hs, g, back, u * B_p + e, dz, ds, place)
                sum_0, sum_1 = sum_0 + by_0, sum_1 + by_1
            for e in range(at + active[t], at + B_p, lanes):
                _clear_register(kind, dz, ds, u, n, e)
        d_own[u, 0], d_own[u, 1] = sum_of(sum_0), sum_of(sum_1)


@inline
def _retreat(
    kind: int,
    z: Any,
    s: Any,
    own: Any,
    hs: Any,
    g: Any,
    back: Any,
    here: int,
    dz: Any,
    ds: Any,
    place: Any,
) -> Any:
    """One step back; what it adds to the gradients of the unit's own numbers."""
    none = zeros_of(z)
    if kind == LRU:
        return steps.lru_back(own, hs, g, back, here, dz, place)
    dh = load(g, at_row(g, place[0], place[2]))
    if kind == SRU:
        return steps.sru_back(z, s, own, hs, dh, back, here, dz, ds, place)
    d = load(back, here) + dh
    if kind == MIN_GRU:
        steps.min_gru_back(z, hs, d, back, here, dz, place)
        return none, none
    if kind == MIN_LSTM:
        steps.min_lstm_back(z, hs, d, back, here, dz, place)
        return none, none
    if kind == RG_LRU:
        return steps.rg_lru_back(z, s, own, hs, d, back, here, dz, ds, place), none
    return steps.ind_rnn_back(own, hs, d, back, here, dz, place), none


@inline
def _clear(back: Any, u: int, n: int) -> None:
    for unit in range(u, len(back), n):
        for column in range(back.shape[1]):
            back[unit, column] = 0


@inline
def _add_final(back: Any, d_final: Any, ends: Any, t: int, u: int, n: int) -> None:
    for unit in range(u, len(back), n):
        for column in range(len(ends)):
            if ends[column] == t + 1:
                back[unit, column] += d_final[unit, column]


@inline
def _clear_register(kind: int, dz: Any, ds: Any, u: int, n: int, e: int) -> None:
    for row in range(u, len(dz), n):
        store(dz, at_row(dz, row, e), zeros_of(dz))
    if kind in (SRU, RG_LRU):
        store(ds, at_row(ds, u, e), zeros_of(ds))


@kernel
def gradient_rows(
    dh: Any, d_last: Any, ends: Any, out: Any, B_p: int, first: int, last: int
) -> None:
    """dh (T, n, B) as rows (n, ≥ T · B_p): 0 beyond the ends, with the last step's own gradient."""
    (T, _, B), lanes = dh.shape, lanes_of(out)
    whole = B // lanes * lanes
    for u in range(first, last):
        for t in range(T):
            for column in range(0, whole, lanes):
                store(out, at_row(out, u, t * B_p + column), load_from(dh, t, u, column))
            for column in range(whole, B_p):
                out[u, t * B_p + column] = dh[t, u, column] if column < B else 0
        for column in range(B):
            for t in range(ends[column], T):
                out[u, t * B_p + column] = 0
            if ends[column] > 0:
                out[u, (ends[column] - 1) * B_p + column] += d_last[u, column]


@kernel
def take_rows(table: Any, ids: Any, out: Any, first: int, last: int) -> None:
    """out[r, e] = table[r, ids[e]] in the rows from first to last."""
    for r in range(first, last):
        for e in range(len(ids)):
            out[r, e] = table[r, ids[e]]


@kernel
def add_rows(dz: Any, ids: Any, out: Any, first: int, last: int) -> None:
    """out[r, k] = Σ dz[r, e] where ids[e] = k, in the rows from first to last, four at once."""
    for r in range(first, last):
        for k in range(out.shape[1]):
            out[r, k] = 0
    r = first
    while r + 4 <= last:
        for e in range(len(ids)):
            k = ids[e]
            out[r, k] += dz[r, e]
            out[r + 1, k] += dz[r + 1, e]
            out[r + 2, k] += dz[r + 2, e]
            out[r + 3, k] += dz[r + 3, e]
        r += 4
    while r < last:
        for e in range(len(ids)):
            out[r, ids[e]] += dz[r, e]
        r += 1
