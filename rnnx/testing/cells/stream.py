"""The check of a cell's optional ``stream``: its steps equal those of ``forward``."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnx.arrays import Array, State
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.components import Cell, StreamingCell
from rnnx.testing.cells.case import N_X, Case, T, make_case
from rnnx.testing.gradients import same
from rnnx.testing.suite import NotApplicable, expect

WIDTHS = (3, 1, 30, 2)  # columns B, which may change from call to call


def check_stream(cell: Cell) -> None:
    """The steps of ``stream``, if the cell has it, equal those of forward, for ids and dense x."""
    if not isinstance(cell, StreamingCell):
        raise NotApplicable("the cell has no stream: forward generates text")
    for dtype in (np.float64, np.float32):
        for ids in (True, False):
            case = make_case(cell, dtype, ids, seed=14)
            if ids:
                case.x[0, 0], case.x[-1, -1] = -1, N_X - 1
            _check_steps(case, dtype, "ids" if ids else "dense x")
    _check_two_streams(cell)


def _check_two_streams(cell: Cell) -> None:
    """Two streams with a scratch each, stepped in turn, do not disturb each other."""
    cases = [make_case(cell, seed=18 + k) for k in range(2)]
    steps = [c.cell.stream(c.params, Scratch()) for c in cases]  # type: ignore[attr-defined]
    states = [case.state for case in cases]
    for t in range(T):
        for k, case in enumerate(cases):
            expected = _forward(case, case.x[t], states[k])
            found = steps[k](case.x[t], states[k])
            _same_states(found, expected, f"stream {k + 1} of two, step {t}", np.float64)
            states[k] = expected


def _check_steps(case: Case, dtype: Any, what: str) -> None:
    params = {name: array.copy() for name, array in case.params.items()}
    step = case.cell.stream(case.params, Scratch())  # type: ignore[attr-defined]
    kept: list[tuple[Array, Array]] = []  # each array returned, and a copy of it
    for width in WIDTHS:
        state = tuple(_columns(s, width) for s in case.state)
        for t in range(T):
            x = _columns(case.x[t], width)
            given = (x.copy(), *(s.copy() for s in state))
            after = step(x, state)
            where = f"stream, {what}, B = {width}, step {t}"
            for now, before in zip((x, *state), given, strict=True):
                expect(np.array_equal(now, before), f"{where}: x or the state was changed in place")
            _same_states(after, _forward(case, x, given[1:]), where, dtype)
            kept += [(array, array.copy()) for array in after]
            state = tuple(after)
    for array, copy in kept:
        expect(
            np.array_equal(array, copy),
            f"stream, {what}: a later call changed an array that was returned before; return new "
            "arrays",
        )
    for name, array in params.items():
        expect(np.array_equal(case.params[name], array), f"stream, {what}: changed {name}")


def _columns(array: Array, width: int) -> Array:
    """The array's columns, repeated up to ``width`` columns."""
    return np.ascontiguousarray(array[..., np.arange(width) % array.shape[-1]])


def _forward(case: Case, x: Array, state: State) -> State:
    final: State = case.cell.forward(case.params, x[None], state, None, Scratch())[1]
    return final


def _same_states(found: State, expected: State, where: str, dtype: Any) -> None:
    shapes = [(s.shape, str(s.dtype)) for s in found]
    wanted = [(s.shape, str(s.dtype)) for s in expected]
    expect(shapes == wanted, f"{where}: returned {shapes}, expected {wanted}")
    for k, (one, other) in enumerate(zip(found, expected, strict=True)):
        same(one, other, f"{where}: state {k}", dtype)
