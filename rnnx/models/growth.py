"""How a count grows with a cell's hidden size, told from small sizes: nothing large is made.

Weights are matrices over units and inputs, so their number is a polynomial of the second degree in
the hidden size.
"""

from __future__ import annotations

from collections.abc import Callable

from rnnx.errors import RnnxError

TRIED = (8, 16, 24)  # hidden sizes at which is counted
CHECKED = (32, 29)  # hidden sizes at which the parabola through these is compared with a count
LARGE = 512  # units, from which on nothing is made to be counted


def grown(count: Callable[[int], int], n: int) -> int:
    """``count(n)``; where n is large and the count is a parabola in n, without calling it there."""
    return extrapolated(count, n) if n >= LARGE and is_parabola(count) else count(n)


def is_parabola(count: Callable[[int], int]) -> bool:
    """Whether counts at small sizes lie on one parabola; a size that the cell refuses says no."""
    try:
        return all(count(n) == extrapolated(count, n) for n in CHECKED)
    except RnnxError:
        return False


def extrapolated(count: Callable[[int], int], n: int) -> int:
    """The value at ``n`` of the parabola through the counts at TRIED (exact, whole numbers)."""
    a, step = TRIED[0], TRIED[1] - TRIED[0]
    at = [count(tried) for tried in TRIED]
    slope, bend = at[1] - at[0], at[2] - 2 * at[1] + at[0]
    k = n - a
    return at[0] + (2 * slope * k * step + bend * k * (k - step)) // (2 * step * step)
