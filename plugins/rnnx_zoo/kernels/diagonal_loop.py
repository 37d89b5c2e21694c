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
from rnnx_builtin.kernels.simd.vectors import load_from, store, sum_of, zeros_of
from rnnx_zoo.kernels import diagonal_steps as steps

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
    n = len(own)
    for u in range(first, last):
        if kind == MIN_GRU:
            steps.min_gru(z, b, hs, active, B_p, u, n)
        elif kind == MIN_LSTM:
            steps.min_lstm(z, b, own, hs, active, B_p, u, n)
        elif kind == SRU:
            steps.sru(z, b, s, own, hs, out, active, B_p, u, n)
        elif kind == LRU:
            steps.lru(z, own, hs, active, B_p, u, n)
        elif kind == RG_LRU:
            steps.rg_lru(z, b, s, own, hs, active, B_p, u, n)
        else:
            steps.ind_rnn(z, b, own, hs, active, B_p, u)
        for row in range(u, len(hs), n):
            _clear_ended(hs, active, B_p, row, B_p)
        if kind == SRU:
            _clear_ended(out, active, B_p, u, 0)


@inline
def _clear_ended(rows: Any, active: Any, B_p: int, row: int, start: int) -> None:
    """0 in the columns that no step computes; the steps of a row begin at ``start``."""
    first = row * rows.shape[1] + start
    for t in range(len(active)):
        for column in range(active[t], B_p, lanes_of(rows)):
            store(rows, first + t * B_p + column, zeros_of(rows))


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
    n, B_p, finals = len(own), back.shape[1], (d_final, ends, ending)
    for u in range(first, last):
        for unit in range(u, len(back), n):
            back[unit] = 0
        if kind == MIN_GRU:
            sums = steps.min_gru_back(z, hs, g, finals, active, back, dz, u, n)
        elif kind == MIN_LSTM:
            sums = steps.min_lstm_back(z, hs, g, finals, active, back, dz, u, n)
        elif kind == SRU:
            sums = steps.sru_back(z, s, own, hs, g, finals, active, back, dz, ds, u, n)
        elif kind == LRU:
            sums = steps.lru_back(own, hs, g, finals, active, back, dz, u, n)
        elif kind == RG_LRU:
            sums = steps.rg_lru_back(z, s, own, hs, g, finals, active, back, dz, ds, u, n)
        else:
            sums = steps.ind_rnn_back(own, hs, g, finals, active, back, dz, u, n)
        for row in range(u, len(dz), n):
            _clear_ended(dz, active, B_p, row, 0)
        if kind in (SRU, RG_LRU):
            _clear_ended(ds, active, B_p, u, 0)
        d_own[u, 0], d_own[u, 1] = sum_of(sums[0]), sum_of(sums[1])


@kernel
def gradient_rows(
    dh: Any, d_last: Any, ends: Any, out: Any, B_p: int, first: int, last: int
) -> None:
    """dh (T, n, B) as rows (n, ≥ T · B_p): 0 beyond the ends, with the last step's own gradient."""
    (T, _, B), lanes = dh.shape, lanes_of(out)
    whole = B // lanes * lanes
    for u in range(first, last):
        row = u * out.shape[1]
        for t in range(T):
            for column in range(0, whole, lanes):
                store(out, row + t * B_p + column, load_from(dh, t, u, column))
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
