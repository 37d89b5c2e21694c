"""The columns of a step inside a kernel: which are active, and how states and gradients are padded.

A column that has ended needs no work: each step handles the columns up to the last active one, in
whole registers. A batch sorted by length, the longest first, so loses little to padding.
"""

from __future__ import annotations

from typing import Any

from rnnx_builtin.kernels.simd.compiling import inline
from rnnx_builtin.kernels.simd.gemm import lanes_of
from rnnx_builtin.kernels.simd.vectors import load, load_from, store


@inline
def active_columns(ends: Any, t: int) -> Any:
    """The number of columns up to the last one that has not ended at t."""
    count = len(ends)
    while count > 0 and ends[count - 1] <= t:
        count -= 1
    return count


@inline
def active_width(ends: Any, t: int, step: Any) -> Any:
    """The same in a step's padded array: rounded up to whole registers."""
    count, lanes = active_columns(ends, t), lanes_of(step)
    return min((count + lanes - 1) // lanes * lanes, step.shape[1])


@inline
def strips(step: Any, count: int) -> tuple[int, int]:
    """How many stretches of memory the first ``count`` columns of a step are, and how long each."""
    rows, B = step.shape
    return (1, rows * B) if count == B else (rows, count)


@inline
def registers(step: Any, strip: int, length: int) -> Any:
    """The flat indices at which the registers of a strip begin."""
    start = strip * step.shape[1]
    return range(start, start + length, lanes_of(step))


@inline
def pad(state: Any, step: Any, first: int, last: int) -> None:
    """Copy units of a state (n, B) into a step's padded array, with 0 in the padding."""
    n, B = state.shape
    for u in range(first, last):
        for b in range(step.shape[1]):
            step[u, b] = state[u, b] if u < n and b < B else 0


@inline
def unpad(step: Any, state: Any, first: int, last: int) -> None:
    """Copy units of a step's array into a state (n, B), without the padding."""
    n, B = state.shape
    for u in range(first, min(last, n)):
        for b in range(B):
            state[u, b] = step[u, b]


@inline
def clear(step: Any, first: int, last: int) -> None:
    """Set all columns of these units to 0."""
    for u in range(first, last):
        for b in range(step.shape[1]):
            step[u, b] = 0


@inline
def clear_gates(dz: Any, blocks: int, first: int, last: int) -> None:
    """The same in each block of both steps of dz (2, blocks · n_p, B)."""
    n_p = dz.shape[1] // blocks
    for block in range(blocks):
        clear(dz[0], block * n_p + first, block * n_p + last)
        clear(dz[1], block * n_p + first, block * n_p + last)


@inline
def scatter(
    step: Any, row: int, flat: Any, to: int, rows: int, start: int, B: int, count: int
) -> None:
    """Copy ``rows`` rows of a step, from ``row`` on, to the rows of ``flat`` from ``to`` on.

    They fill B columns there from ``start`` on: the ``count`` active ones without padding, then 0.
    """
    lanes, width, last = lanes_of(step), flat.shape[1], min(B, count)
    whole = last // lanes * lanes
    for i in range(rows):
        of, at = (row + i) * step.shape[1], (to + i) * width + start
        for b in range(0, whole, lanes):
            store(flat, at + b, load(step, of + b))
        if whole < last and whole > 0:  # the last register, of which some is copied again
            store(flat, at + last - lanes, load(step, of + last - lanes))
        elif whole < last:
            for b in range(last):
                flat[to + i, start + b] = step[row + i, b]
        for b in range(last, B):
            flat[to + i, start + b] = 0


@inline
def scatter_gates(
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
    """The same for these units in each block; blocks are n_p rows apart in dz, n in ``flat``."""
    for block in range(blocks):
        of, to = block * n_p + first, block * n + first
        scatter(dz, of, flat, to, min(last, n) - first, start, B, count)


@inline
def start_columns(state: Any, step: Any, final: Any, ends: Any, first: int, last: int) -> None:
    """Pad units of the initial state, which is also the final one of a column of length 0."""
    pad(state, step, first, last)
    n, B = final.shape
    for b in range(B):
        if ends[b] == 0:
            for u in range(first, min(last, n)):
                final[u, b] = state[u, b]


@inline
def end_columns(
    step: Any, final: Any, ends: Any, t: int, count: int, first: int, last: int
) -> None:
    """Copy the state of a column that ends with step t to ``final``; keep ended columns at 0."""
    n, B = final.shape
    for b in range(min(B, count)):
        if ends[b] == t + 1:
            for u in range(first, min(last, n)):
                final[u, b] = step[u, b]
        if ends[b] <= t:
            for u in range(first, min(last, n)):
                step[u, b] = 0


@inline
def add_final_gradient(back: Any, d_final: Any, ends: Any, t: int, first: int, last: int) -> None:
    """Add the gradient of a column's final state at its last step (t + 1 = its length)."""
    n, B = d_final.shape
    for b in range(B):
        if ends[b] == t + 1:
            for u in range(first, min(last, n)):
                back[u, b] += d_final[u, b]


@inline
def add_output_gradient(
    dh: Any, back: Any, ends: Any, t: int, out: Any, count: int, first: int, last: int
) -> None:
    """out = back + dh[t], and 0 where a column has ended; ``out`` is not ``back``."""
    _, n, B = dh.shape
    upto, columns, lanes = min(last, n), min(B, count), lanes_of(out)
    whole = columns // lanes * lanes
    for u in range(first, upto):
        row = u * out.shape[1]
        for b in range(0, whole, lanes):
            store(out, row + b, load(back, row + b) + load_from(dh, t, u, b))
        if whole < columns and whole > 0:  # the last register, of which some is computed again
            b = columns - lanes
            store(out, row + b, load(back, row + b) + load_from(dh, t, u, b))
        elif whole < columns:
            for b in range(columns):
                out[u, b] = back[u, b] + dh[t, u, b]
    for b in range(columns):
        if ends[b] <= t:
            for u in range(first, upto):
                out[u, b] = 0


@inline
def add_rows(back: Any, d: Any) -> None:
    """back += d, whole rows of padded arrays."""
    for e in range(0, d.size, lanes_of(d)):
        store(back, e, load(back, e) + load(d, e))
