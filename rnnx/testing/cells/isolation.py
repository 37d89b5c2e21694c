"""Checks that a cell's results depend on what is passed in and on nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.components import Cell
from rnnx.testing.cells.case import (
    N_X,
    Case,
    T,
    arrays_of,
    make_case,
    named,
    run,
    same_results,
)
from rnnx.testing.gradients import same
from rnnx.testing.initialization import check_init_of
from rnnx.testing.isolation import Results, isolation_checks, threads_check
from rnnx.testing.suite import expect

SMALL = 3, 2, 3, 4  # T, B, n_x, n_a
UPDATES = 30  # of check_parameters_change


def exercise(cell: Cell, which: int) -> Results:
    """Parameters, and the results for dense x, and for ids with lengths."""
    dense = make_case(cell, seed=20 + which, sizes=SMALL)
    of_ids = make_case(cell, ids=True, seed=20 + which, sizes=SMALL)
    results: dict[str, Array] = {f"parameter {k}": v for k, v in dense.params.items()}
    results |= named(run(dense))
    return results | {f"{k} of ids": v for k, v in named(run(of_ids, np.array([1, 3]))).items()}


check_process, check_history, check_other_process = isolation_checks(exercise)
check_threads = threads_check(exercise)


def check_init(cell: Cell) -> None:
    """``init`` draws from its generator alone, and gives the dtype that it is asked for."""
    small: Any = make_case(cell).cell
    check_init_of(lambda rng, dtype: small.init(rng, N_X, dtype))


def check_parameters_change(cell: Cell) -> None:
    """Parameters, x and state that change in place, as in training, are read anew in each call."""
    cases = [make_case(cell, seed=30 + k) for k in range(3)]
    scratches = [Scratch() for _ in cases]  # kept: a new one would get the address of an old one
    expected = [run(c, None, s) for c, s in zip(cases, scratches, strict=True)]
    expect(
        not np.array_equal(expected[0].h, expected[1].h),
        "h: is the same for other parameters, inputs and states",
    )
    used, scratch = make_case(cell, seed=30), Scratch()
    for update in range(UPDATES):
        which = update % 3
        for (name, array), new in zip(
            arrays_of(used).items(), arrays_of(cases[which]).values(), strict=True
        ):
            expect(array.shape == new.shape, f"init: {name} has another shape with another seed")
            array[...] = new
        what = f"after change {update} of all arrays in place"
        same_results(run(used, None, scratch), expected[which], what)


def check_two_at_once(cell: Cell) -> None:
    """Two sequences with a scratch each do not disturb each other between forward and backward."""
    cases, scratches = [make_case(cell, seed=33 + k) for k in range(2)], (Scratch(), Scratch())
    expected = [run(case) for case in cases]
    begun = [
        case.cell.forward(case.params, case.x, case.state, None, scratch)
        for case, scratch in zip(cases, scratches, strict=True)
    ]
    for k, (case, (h, final, cache)) in enumerate(zip(cases, begun, strict=True)):
        what = f"sequence {k + 1} of two"
        same(h, expected[k].h, f"{what}: h")
        same(final[0], expected[k].final[0], f"{what}: final state")
        dparams, _, _ = case.cell.backward(case.params, cache, case.dh, case.dstate, scratches[k])
        for name, array in expected[k].dparams.items():
            same(dparams[name], array, f"{what}: d{name}")


def check_backward_scratch(cell: Cell) -> None:
    """``backward`` may be given another scratch than ``forward``: the cache has all it needs."""
    case = make_case(cell, seed=36)
    expected, forward, fresh = run(case), Scratch(), Scratch()
    _, _, cache = case.cell.forward(case.params, case.x, case.state, None, forward)
    dparams, _, _ = case.cell.backward(case.params, cache, case.dh, case.dstate, fresh)
    for name, array in expected.dparams.items():
        same(dparams[name], array, f"backward with another scratch: d{name}")


def check_layout(cell: Cell) -> None:
    """Arrays that are read-only, or views with other strides, give the same results."""
    case, lengths = make_case(cell, seed=37), np.array([T, 2, 3])
    expected = run(case, lengths)
    params = {name: _read_only(array) for name, array in case.params.items()}
    for what, change in (("read-only arrays", _read_only), ("views", _strided)):
        changed = Case(
            case.cell,
            params,
            change(case.x),
            tuple(map(change, case.state)),
            change(case.dh),
            tuple(map(change, case.dstate)),
        )
        try:
            found = run(changed, _read_only(lengths))
        except ValueError as error:
            expect("read-only" not in str(error), f"an input was changed in place: {error}")
            raise
        same_results(found, expected, what)


def _read_only(array: Array) -> Array:
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def _strided(array: Array) -> Array:
    """The same values, every second place of a larger array along each axis."""
    wide = np.full([2 * size for size in array.shape], 77, array.dtype)
    view: Array = wide[tuple(slice(None, None, 2) for _ in array.shape)]
    view[...] = array
    return view


def check_length_zero(cell: Cell) -> None:
    """A column of length 0: h and dx are 0, its state and its state's gradient pass through."""
    case, lengths = make_case(cell, seed=38), np.array([T, 0, 2])
    x, dh = case.x.copy(), case.dh.copy()
    x[..., 1], dh[..., 1] = np.nan, np.nan
    found = run(case, lengths, x=x, dh=dh)
    expect(not found.h[:, :, 1].any(), "h of a column of length 0 is not 0")
    expect(found.dx is None or not found.dx[:, :, 1].any(), "dx of a column of length 0 is not 0")
    for k, (state, d) in enumerate(zip(case.state, case.dstate, strict=True)):
        same(found.final[k][..., 1], state[..., 1], f"a column of length 0: final state {k}")
        same(found.dstate0[k][..., 1], d[..., 1], f"a column of length 0: dstate0 {k}")
    others, pair = np.array([0, 2]), np.array([T, 2])
    alone = run(
        case,
        pair,
        x=case.x[..., others],
        dh=case.dh[..., others],
        state=tuple(s[..., others] for s in case.state),
        dstate=tuple(s[..., others] for s in case.dstate),
    )
    same(found.h[..., others], alone.h, "beside a column of length 0: h")
    for name, array in alone.dparams.items():
        same(found.dparams[name], array, f"beside a column of length 0: d{name}")
