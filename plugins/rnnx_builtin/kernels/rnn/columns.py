"""A step's columns inside a kernel: which still run, and how states and ids come in and go out.

Columns that have ended need no work: every step handles those up to the last one that still runs,
in whole registers. A batch whose columns are sorted, the longest first, so loses little to padding.
"""

from __future__ import annotations

from typing import Any

from rnnx_builtin.kernels.simd.compiling import inline
from rnnx_builtin.kernels.simd.gemm import lanes_of
from rnnx_builtin.kernels.simd.vectors import load, load_from, store


@inline
def last_of(ends: Any, t: int) -> Any:
    """Columns up to the last that has not ended at t."""
    count = len(ends)
    while count > 0 and ends[count - 1] <= t:
        count -= 1
    return count


@inline
def running(ends: Any, t: int, step: Any) -> Any:
    """The same of a step's arrays, in whole registers."""
    count, lanes = last_of(ends, t), lanes_of(step)
    return min((count + lanes - 1) // lanes * lanes, step.shape[1])


@inline
def strips(step: Any, count: int) -> tuple[int, int]:
    """How many stretches of memory the first ``count`` columns of a step are, and how long each."""
    rows, B = step.shape
    return (1, rows * B) if count == B else (rows, count)


@inline
def places(step: Any, u: int, length: int) -> Any:
    """Where the registers of stretch ``u`` begin, as flat indices."""
    start = u * step.shape[1]
    return range(start, start + length, lanes_of(step))


@inline
def take_in(state: Any, step: Any, first: int, last: int) -> None:
    """Units of a state (n, B) into a step's padded array, 0 elsewhere."""
    n, B = state.shape
    for u in range(first, last):
        for b in range(step.shape[1]):
            step[u, b] = state[u, b] if u < n and b < B else 0


@inline
def take_out(step: Any, state: Any, first: int, last: int) -> None:
    """Units of a step's array without its padding."""
    n, B = state.shape
    for u in range(first, min(last, n)):
        for b in range(B):
            state[u, b] = step[u, b]


@inline
def clear(step: Any, first: int, last: int) -> None:
    """0 in all columns of these units."""
    for u in range(first, last):
        for b in range(step.shape[1]):
            step[u, b] = 0


@inline
def clear_gates(dz: Any, blocks: int, first: int, last: int) -> None:
    """The same in each block of both of dz (2, blocks · n_p, B)."""
    n_p = dz.shape[1] // blocks
    for block in range(blocks):
        clear(dz[0], block * n_p + first, block * n_p + last)
        clear(dz[1], block * n_p + first, block * n_p + last)


@inline
def spread(
    step: Any, row: int, flat: Any, to: int, rows: int, start: int, B: int, count: int
) -> None:
    """``rows`` rows of a step from ``row`` on to the flat array's from ``to`` on.

    They fill B columns there from ``start`` on: the step's without its padding, then 0.
    """
    lanes, width, last = lanes_of(step), flat.shape[1], min(B, count)
    if step.shape[1] == B and B % lanes == 0:
        for i in range(rows):
            of, at = (row + i) * B, (to + i) * width + start
            for b in range(0, last, lanes):
                store(flat, at + b, load(step, of + b))
            for b in range(last, B):
                flat[to + i, start + b] = 0
        return
    for i in range(rows):
        for b in range(last):
            flat[to + i, start + b] = step[row + i, b]
        for b in range(last, B):
            flat[to + i, start + b] = 0


@inline
def spread_gates(
    dz: Any,
    blocks: int,
    n_p: int,
    flat: Any,
    n: int,
    first: int,
    last: int,
    start: int,
    B: int,
    count: int,
) -> None:
    """The same for these units in each of ``blocks`` blocks."""
    for block in range(blocks):
        of, to = block * n_p + first, block * n + first
        spread(dz, of, flat, to, min(last, n) - first, start, B, count)


@inline
def end_columns(
    step: Any, final: Any, ends: Any, t: int, count: int, first: int, last: int
) -> None:
    """Keep units of a state where a column ends with step t, and hold it at 0 from there on."""
    n, B = final.shape
    for b in range(min(B, count)):
        if ends[b] == t + 1:
            for u in range(first, min(last, n)):
                final[u, b] = step[u, b]
        if ends[b] <= t:
            for u in range(first, min(last, n)):
                step[u, b] = 0


@inline
def begin_final(state: Any, final: Any, ends: Any, first: int, last: int) -> None:
    """A column of length 0 keeps its initial state."""
    n, B = final.shape
    for b in range(B):
        if ends[b] == 0:
            for u in range(first, min(last, n)):
                final[u, b] = state[u, b]


@inline
def enter_gradient(back: Any, d_final: Any, ends: Any, t: int, first: int, last: int) -> None:
    """What comes from a column's final state enters at its last step (t + 1 = its length)."""
    n, B = d_final.shape
    for b in range(B):
        if ends[b] == t + 1:
            for u in range(first, min(last, n)):
                back[u, b] += d_final[u, b]


@inline
def add_outputs(
    dh: Any, back: Any, ends: Any, t: int, out: Any, count: int, first: int, last: int
) -> None:
    """out = back + dh[t], and 0 where a column has ended."""
    _, n, B = dh.shape
    upto, columns, lanes = min(last, n), min(B, count), lanes_of(out)
    for u in range(first, upto):
        for b in range(0, columns // lanes * lanes, lanes):
            e = u * out.shape[1] + b
            store(out, e, load(back, e) + load_from(dh, t, u, b))
        for b in range(columns // lanes * lanes, columns):
            out[u, b] = back[u, b] + dh[t, u, b]
    for b in range(columns):
        if ends[b] <= t:
            for u in range(first, upto):
                out[u, b] = 0


@inline
def add_rows(back: Any, d: Any) -> None:
    """back += d."""
    for e in range(0, d.size, lanes_of(d)):
        store(back, e, load(back, e) + load(d, e))
