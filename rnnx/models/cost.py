"""What a cell costs: parameters, state, and the multiplications of a step."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array, Params
from rnnx.contracts.components import Cell
from rnnx.contracts.execution import NUMPY
from rnnx.contracts.ranges import require
from rnnx.contracts.self_description import CountedCell
from rnnx.models.growth import grown
from rnnx.registry.attribution import attributing
from rnnx.registry.checks import CheckedCell, contract_error
from rnnx.system.memory import reraise_as
from rnnx.system.threads import BlasThreads

MOST_INPUTS = 100_000  # of a cell whose parameters are made to be counted
TRIED = 5  # inputs, so that a matrix over inputs has more than one column


class Cost(NamedTuple):
    """What one cell costs, for one column."""

    parameters: int
    state: int  # numbers that a step hands to the next one
    multiplications: int  # of a step, in products with matrices
    declared: bool  # whether the cell counts its multiplications itself


def cost_of(cell: Cell, n_x: int) -> Cost:
    """The cost of a cell over n_x inputs.

    Raises PluginError where it breaks its contract.
    """
    require(1 <= n_x <= MOST_INPUTS, "n_x", f"from 1 to {MOST_INPUTS}", n_x)

    @functools.cache
    def counts(n: int) -> tuple[int, int, int]:
        """Parameters, state, entries of matrices."""
        sized: Cell = replace(cell, hidden_size=n)  # type: ignore[type-var]
        checked = CheckedCell(sized, NUMPY)
        with BlasThreads(1):  # a second one spins for longer than this takes
            params = checked.init(np.random.default_rng(0), n_x, np.float32)
        state = checked.initial_state(1, np.float32)
        return (
            sum(array.size for array in params.values()),
            sum(array.size for array in state),
            matrix_entries(sized, params),
        )

    n = cell.hidden_size
    with reraise_as(f"hidden_size={n}: choose a smaller one"):
        numbers = [grown(lambda at, k=k: counts(at)[k], n) for k in range(3)]  # type: ignore[misc]
    declared = _declared(cell, n_x) if isinstance(cell, CountedCell) else None
    count = numbers[2] if declared is None else declared
    return Cost(numbers[0], numbers[1], count, declared is not None)


def _declared(cell: CountedCell, n_x: int) -> int:
    with attributing():
        count: Any = cell.multiplications(n_x)
    if not isinstance(count, int | np.integer) or count < 0:
        what = f"multiplications returned {count!r}, expected a whole number, at least 0"
        raise contract_error("cell", cell, what)
    return int(count)


def matrix_entries(cell: Cell, params: Params) -> int:
    """The entries of all matrices among ``params``: a step multiplies each by one vector.

    A matrix has several columns, a bias has one. Over one input or of one unit a matrix has one
    column, too, so what is a matrix is seen at other sizes.
    """
    tried: Cell = cell if cell.hidden_size > 1 else replace(cell, hidden_size=2)  # type: ignore[type-var]
    with BlasThreads(1):
        own = CheckedCell(tried, NUMPY).init(np.random.default_rng(0), TRIED, np.float32)
    return sum(params[name].size for name, array in own.items() if _is_matrix(array))


def _is_matrix(array: Array) -> bool:
    return array.ndim > 1 and array.shape[-1] > 1
