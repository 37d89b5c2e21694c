"""The check of a cell's optional compiled form: it gives the results of the cell in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.components import Cell
from rnnx.testing.cells.case import Case, arrays_of, make_case, named, run, same_results
from rnnx.testing.cells.sizes import calm_case
from rnnx.testing.compiled import Form, compiled_forms
from rnnx.testing.suite import expect

SIZES = 6, 33, 9, 20  # T, B, n_x, n_a: more than a vector register holds, and no multiple of it
LARGE = 40, 67, 9, 65  # more than the blocks that threads share


def check_compiled(cell: Cell) -> None:
    """The compiled form, if there is one, gives NumPy's results, with one thread and with two."""
    lengths = np.random.default_rng(0).integers(0, SIZES[0] + 1, SIZES[1])
    for dtype in (np.float64, np.float32):
        for ids in (True, False):
            case = make_case(cell, dtype, ids, seed=17, sizes=SIZES)
            forms = compiled_forms(case.cell)
            for given in (None, lengths):
                what = f"compiled, {np.dtype(dtype)}, {'ids' if ids else 'dense x'}"
                what += ", lengths" if given is not None else ""
                _check_forms(case, forms, given, dtype, what)
            _check_large(cell, dtype, ids)


def _check_forms(
    case: Case, forms: tuple[Form, Form], lengths: Array | None, dtype: Any, what: str
) -> None:
    before = {name: array.copy() for name, array in arrays_of(case).items()}
    one, two = (case._replace(cell=form) for form in forms)  # type: ignore[arg-type]
    fresh, scratch = run(one, lengths), Scratch()
    for name, array in arrays_of(case).items():
        expect(np.array_equal(array, before[name]), f"{what}: {name} was changed in place")
    same_results(fresh, run(case, lengths), what, dtype)
    _check_change(case, one, lengths, dtype, what)
    run(one, None if lengths is not None else np.full(SIZES[1], 2), scratch)
    again = {"a used scratch": run(one, lengths, scratch), "two threads": run(two, lengths)}
    for name, array in named(fresh).items():
        for change, result in again.items():
            equal = np.array_equal(named(result)[name], array)
            expect(equal, f"{what}: {name} differs with {change}; it must be equal, bit for bit")


def _check_change(case: Case, form: Case, lengths: Array | None, dtype: Any, what: str) -> None:
    """Parameters that change in place, as in training, are read anew in each call."""
    scratch = Scratch()
    run(form, lengths, scratch)
    before = {name: array.copy() for name, array in case.params.items()}
    try:
        for name, array in before.items():
            case.params[name][...] = 0.5 * array  # the form has the same arrays
        found, expected = run(form, lengths, scratch), run(case, lengths)
        same_results(found, expected, f"{what}, after parameters changed in place", dtype)
    finally:
        for name, array in before.items():
            case.params[name][...] = array


def _check_large(cell: Cell, dtype: Any, ids: bool) -> None:
    case = calm_case(cell, LARGE, 19, ids, dtype)
    lengths = np.random.default_rng(1).integers(0, LARGE[0] + 1, LARGE[1])
    one, two = (case._replace(cell=form) for form in compiled_forms(case.cell))  # type: ignore[arg-type]
    what = f"compiled, {np.dtype(dtype)}, {LARGE[1]} columns and {LARGE[3]} units"
    found = run(one, lengths)
    same_results(found, run(case, lengths), what, dtype)
    for name, array in named(run(two, lengths)).items():
        equal = np.array_equal(named(found)[name], array)
        expect(equal, f"{what}: {name} differs with two threads; it must be equal, bit for bit")
