"""A step's columns inside a kernel: which still run, and how states and ids come in and go out.

Columns that have ended need no work: every step handles those up to the last one that still runs,
in whole registers. A batch whose columns are sorted, the longest first, so loses little to padding.
"""

from __future__ import annotations

from typing import Any

from rnnx_builtin.kernels.compiling import inline
from rnnx_builtin.kernels.lanes import load, store
from rnnx_builtin.kernels.product import lanes_of


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
def add_columns(a: Any, columns: Any, ids: Any, blocks: int, n: int, n_p: int, count: int) -> None:
    """a[:, b] += columns[:, ids[b]], block by block, four rows for each look at an id."""
    last = min(ids.size, count)
    for block in range(blocks):
        to, of, u = block * n_p, block * n, 0
        while u + 4 <= n:
            for b in range(last):
                k = ids[b]
                a[to + u, b] += columns[of + u, k]
                a[to + u + 1, b] += columns[of + u + 1, k]
                a[to + u + 2, b] += columns[of + u + 2, k]
                a[to + u + 3, b] += columns[of + u + 3, k]
            u += 4
        while u < n:
            for b in range(last):
                a[to + u, b] += columns[of + u, ids[b]]
            u += 1


@inline
def take_in(state: Any, step: Any) -> None:
    """A state (n, B) into a step's padded array, 0 elsewhere."""
    n, B = state.shape
    for u in range(step.shape[0]):
        for b in range(step.shape[1]):
            step[u, b] = state[u, b] if u < n and b < B else 0


@inline
def take_out(step: Any, state: Any) -> None:
    """A step's array without its padding."""
    n, B = state.shape
    for u in range(n):
        for b in range(B):
            state[u, b] = step[u, b]


@inline
def spread(
    step: Any, flat: Any, blocks: int, n: int, n_p: int, start: int, B: int, count: int
) -> None:
    """B columns of the flat array from ``start`` on: a step's, without its padding, then 0."""
    lanes, row, last = lanes_of(step), flat.shape[1], min(B, count)
    if step.shape[1] == B and n == n_p and B % lanes == 0:
        for u in range(blocks * n):
            for b in range(0, last, lanes):
                store(flat, u * row + start + b, load(step, u * B + b))
            for b in range(last, B):
                flat[u, start + b] = 0
        return
    for block in range(blocks):
        for u in range(n):
            for b in range(last):
                flat[block * n + u, start + b] = step[block * n_p + u, b]
            for b in range(last, B):
                flat[block * n + u, start + b] = 0


@inline
def end_columns(step: Any, final: Any, ends: Any, t: int, count: int) -> None:
    """Keep a state where a column ends with step t, and hold it at 0 from there on."""
    n, B = final.shape
    for b in range(min(B, count)):
        if ends[b] == t + 1:
            for u in range(n):
                final[u, b] = step[u, b]
        if ends[b] <= t:
            for u in range(n):
                step[u, b] = 0


@inline
def begin_final(state: Any, final: Any, ends: Any) -> None:
    """A column of length 0 keeps its initial state."""
    for b in range(final.shape[1]):
        if ends[b] == 0:
            for u in range(final.shape[0]):
                final[u, b] = state[u, b]


@inline
def enter_gradient(back: Any, d_final: Any, ends: Any, t: int) -> None:
    """What comes from a column's final state enters at its last step (t + 1 = its length)."""
    n, B = d_final.shape
    for b in range(B):
        if ends[b] == t + 1:
            for u in range(n):
                back[u, b] += d_final[u, b]


@inline
def add_outputs(dh: Any, back: Any, ends: Any, t: int, out: Any, count: int) -> None:
    """out = back + dh[t], and 0 where a column has ended."""
    _, n, B = dh.shape
    last = min(B, count)
    for u in range(n):
        for b in range(last):
            out[u, b] = back[u, b] + dh[t, u, b]
    for b in range(last):
        if ends[b] <= t:
            for u in range(n):
                out[u, b] = 0


@inline
def add_rows(back: Any, d: Any) -> None:
    """back += the upper half of d's rows."""
    for e in range(0, d.size // 2, lanes_of(d)):
        store(back, e, load(back, e) + load(d, e))
