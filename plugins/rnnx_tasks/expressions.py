"""Expressions in brackets of given lengths, all drawn at once, level by level.

    length 1  n      2  −n      3  (n)      4  (−n)      5 and more  (left operator right)

The operator stands at a place drawn evenly, n is drawn evenly (Delétang et al. 2023).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rnnx.arrays import Array


class _Level(NamedTuple):
    """The operations of one depth: where their parts' values are in the row of the next depth."""

    is_operation: Array  # (nodes,) of this depth
    operators: Array  # (operations,) 0 +, 1 −, 2 ×
    leaves: Array  # (nodes,) values of those that are no operation


def draw_expressions(
    rng: np.random.Generator, lengths: Array, m: int, n_operators: int
) -> tuple[Array, Array]:
    """Ids end to end, and the value of each expression modulo m.

    Ids below m are the numbers, then + − × ( ).
    """
    ids = np.empty(int(lengths.sum()), np.int64)
    minus, opening, closing = m + 1, m + 3, m + 4
    starts, sizes = np.cumsum(lengths) - lengths, lengths
    levels = []
    while len(sizes):
        is_operation = sizes >= 5
        levels.append(_Level(is_operation, *_leaves(rng, ids, starts, sizes, m, n_operators)))
        bracketed = sizes >= 3
        ids[starts[bracketed]] = opening
        ids[starts[bracketed] + sizes[bracketed] - 1] = closing
        negative = (sizes == 2) | (sizes == 4)
        ids[starts[negative] + (sizes[negative] == 4)] = minus
        starts, sizes = starts[is_operation], sizes[is_operation]
        left = rng.integers(1, sizes - 3)
        ids[starts + 1 + left] = m + levels[-1].operators
        # Left and right parts side by side: 2·k and 2·k + 1 belong to operation k.
        starts = np.stack([starts + 1, starts + 2 + left], axis=1).ravel()
        sizes = np.stack([left, sizes - 3 - left], axis=1).ravel()
    return ids, _values(levels, m)


def _leaves(
    rng: np.random.Generator, ids: Array, starts: Array, sizes: Array, m: int, n_operators: int
) -> tuple[Array, Array]:
    """The operators of this depth, and the values of its numbers, which are written to ``ids``."""
    operators = rng.integers(0, n_operators, np.count_nonzero(sizes >= 5))
    numbers, is_leaf = rng.integers(0, m, len(sizes)), sizes < 5
    offset = np.array([0, 0, 1, 1, 2])[np.minimum(sizes, 4)]
    ids[(starts + offset)[is_leaf]] = numbers[is_leaf]
    return operators, np.where(sizes % 2 == 0, -numbers, numbers) % m


def _values(levels: list[_Level], m: int) -> Array:
    below = np.empty(0, np.int64)
    for level in reversed(levels):
        left, right = below[0::2], below[1::2]
        computed = np.choose(level.operators, [left + right, left - right, left * right]) % m
        below = level.leaves.copy()
        below[level.is_operation] = computed
    return below
