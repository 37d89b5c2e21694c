"""How much memory a network's parameters will take, estimated before any is allocated.

Linux grants almost any allocation and kills the process when its pages are touched, so a network
that cannot fit has to be refused by arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from rnnx.models.network import Network

SMALL = 2**26  # bytes that any machine has: below, nothing is estimated
TRIED = (8, 16, 24)  # hidden sizes of the cells whose parameters are counted
BLOCKS = 64  # more blocks of (n_a, n_a + n_x) than any cell is expected to have


def parameter_bytes(network: Network, dtype: npt.DTypeLike) -> int:
    """Bytes of all parameters, extrapolated from small cells; 0 for a network that is small anyway.

    The weights of a cell are matrices over its inputs and hidden units, so their number is a
    polynomial of the second degree in the hidden size. 0 as well for a cell that does not take
    the small sizes: there is no estimate then.
    """
    n_a, n_y, layers = network.cell.hidden_size, network.n_symbols, network.layers
    itemsize = np.dtype(dtype).itemsize
    if BLOCKS * n_a * (n_a + n_y) * layers * itemsize < SMALL:
        return 0

    def cell_size(n: int, n_x: int) -> int:
        made = replace(network.cell, hidden_size=n).init(np.random.default_rng(0), n_x, dtype)  # type: ignore[type-var]
        return sum(array.size for array in made.values())

    def head_size(n: int) -> int:
        made = network.head.init(np.random.default_rng(0), n, n_y, dtype)
        return sum(array.size for array in made.values())

    try:
        first = _extrapolated(lambda n: cell_size(n, n_y), n_a)
        others = _extrapolated(lambda n: cell_size(n, n), n_a) * (layers - 1)
        return (first + others + _extrapolated(head_size, n_a)) * itemsize
    except Exception:  # of a third-party component: the real call names it
        return 0


def _extrapolated(size: Callable[[int], int], n: int) -> int:
    """The value at ``n`` of the parabola through the sizes at TRIED (exact, whole numbers)."""
    a, step = TRIED[0], TRIED[1] - TRIED[0]
    at = [size(tried) for tried in TRIED]
    slope, bend = at[1] - at[0], at[2] - 2 * at[1] + at[0]
    k = n - a
    return at[0] + slope * k // step + bend * k * (k - step) // (2 * step * step)
