"""The checks of CellSuite: what every cell must do."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.components import Cell, GatedCell
from rnnx.contracts.self_description import CountedCell, DescribedGates, GateWords
from rnnx.models.cost import cost_of, matrix_entries
from rnnx.testing.cells.case import N_A, N_X, B, Case, Result, T, make_case, run, same_results
from rnnx.testing.cells.compiled import check_compiled
from rnnx.testing.cells.conduct import (
    check_determinism,
    check_inputs_unchanged,
    check_scratch,
    check_small_shapes,
)
from rnnx.testing.cells.golden import check_golden
from rnnx.testing.cells.isolation import (
    check_backward_scratch,
    check_history,
    check_init,
    check_layout,
    check_length_zero,
    check_other_process,
    check_parameters_change,
    check_process,
    check_threads,
    check_two_at_once,
)
from rnnx.testing.cells.shapes import check_any_shape, check_everything_has_a_say
from rnnx.testing.cells.sizes import (
    check_gradient_scale,
    check_large_sizes,
    check_long_sequence,
)
from rnnx.testing.cells.stream import check_stream
from rnnx.testing.gradients import check_slopes, same
from rnnx.testing.parameters import parameter_checks
from rnnx.testing.suite import NotApplicable, expect, make_suite

check_groups, check_projection = parameter_checks(
    lambda cell: cell.init(np.random.default_rng(0), N_X, np.float64)
)


def _slopes(case: Case, lengths: Array | None) -> None:
    def loss() -> float:
        h, final, _ = case.cell.forward(case.params, case.x, case.state, lengths, Scratch())
        by_state = (float(np.sum(f * d)) for f, d in zip(final, case.dstate, strict=True))
        return float(np.sum(h * case.dh)) + sum(by_state)

    expect(bool(case.params), "init: returned no parameters")
    found = run(case, lengths)
    points = dict(case.params) | {f"initial state {k}": s for k, s in enumerate(case.state)}
    given: dict[str, Array | None] = dict(found.dparams)
    given |= {f"initial state {k}": s for k, s in enumerate(found.dstate0)}
    if case.x.ndim == 3:
        points["x"], given["x"] = case.x, found.dx
    else:
        expect(found.dx is None, "dx: must be None where x is ids")
    check_slopes(loss, points, given)


def check_gradients(cell: Cell) -> None:
    """The gradients of parameters, input and initial state equal central differences."""
    _slopes(make_case(cell), None)


def check_gradients_of_ids(cell: Cell) -> None:
    """The gradients equal central differences where the input is ids, −1 among them."""
    _slopes(make_case(cell, ids=True, seed=1), None)


def check_gradients_of_lengths(cell: Cell) -> None:
    """The gradients equal central differences where columns have different lengths."""
    _slopes(make_case(cell, seed=2), np.array([T, 2, 1]))


def check_ids_are_one_hot(cell: Cell) -> None:
    """Ids give the results of one-hot columns; id −1 is the zero vector."""
    case = make_case(cell, ids=True, seed=3)
    case.x[0, 0], case.x[-1, -1] = -1, N_X - 1
    dense = (np.arange(N_X)[:, None] == case.x[:, None]).astype(np.float64)
    same_results(run(case), run(case, x=dense), "ids against one-hot columns")


def check_step_by_step(cell: Cell) -> None:
    """T sequences of one step, with the state carried over, give the h of one sequence."""
    case = make_case(cell, seed=4)
    whole, state, scratch = run(case), case.state, Scratch()
    for t in range(T):
        h, state, _ = case.cell.forward(case.params, case.x[t : t + 1], state, None, scratch)
        same(h[0], whole.h[t], f"step {t} alone: h")
    for k, array in enumerate(state):
        same(array, whole.final[k], f"step by step: final state {k}")


def check_two_chunks(cell: Cell) -> None:
    """Two chunks give the results and gradients of one sequence."""
    case, cut = make_case(cell, seed=5), 2
    whole = run(case)
    first = run(case, x=case.x[:cut], dh=case.dh[:cut])
    second = run(case, x=case.x[cut:], dh=case.dh[cut:], state=first.final)
    first = run(case, x=case.x[:cut], dh=case.dh[:cut], dstate=second.dstate0)
    both = Result(
        np.concatenate([first.h, second.h]),
        second.final,
        {name: array + second.dparams[name] for name, array in first.dparams.items()},
        None if first.dx is None or second.dx is None else np.concatenate([first.dx, second.dx]),
        first.dstate0,
    )
    same_results(both, whole, "two chunks")


def check_padding(cell: Cell) -> None:
    """The values beyond a column's length, NaN among them, change no result."""
    case, lengths = make_case(cell, seed=6), np.array([T, 3, 1])
    for filler in (0.0, 1e3, np.nan):
        x, dh = case.x.copy(), case.dh.copy()
        for b, length in enumerate(lengths):
            x[length:, :, b], dh[length:, :, b] = filler, 7.0
        found = run(case, lengths, x=x, dh=dh)
        for b, length in enumerate(lengths):
            expect(
                not found.h[length:, :, b].any(),
                f"h of column {b} is not 0 beyond its length {length}",
            )
            alone = run(
                case,
                x=case.x[:length, :, b : b + 1],
                dh=case.dh[:length, :, b : b + 1],
                state=tuple(s[..., b : b + 1] for s in case.state),
                dstate=tuple(s[..., b : b + 1] for s in case.dstate),
            )
            what = f"column {b} of length {length} in a batch padded with {filler}"
            same(found.h[:length, :, b], alone.h[:, :, 0], f"{what}: h")
            for k, final in enumerate(alone.final):
                same(found.final[k][..., b], final[..., 0], f"{what}: final state {k}")
                same(found.dstate0[k][..., b], alone.dstate0[k][..., 0], f"{what}: dstate {k}")
        clean = run(case, lengths)
        for name, array in clean.dparams.items():
            same(found.dparams[name], array, f"padded with {filler}: d{name}")


def check_columns_are_independent(cell: Cell) -> None:
    """Reordering the columns of a batch reorders the results and changes no gradient."""
    # Two columns change places: a cell that moves columns along would not notice a rotation.
    case, order = make_case(cell, seed=7), np.array([1, 0, 2])
    whole = run(case)
    reordered = run(
        case,
        x=case.x[..., order],
        dh=case.dh[..., order],
        state=tuple(s[..., order] for s in case.state),
        dstate=tuple(s[..., order] for s in case.dstate),
    )
    same_results(
        reordered,
        Result(
            whole.h[..., order],
            tuple(s[..., order] for s in whole.final),
            whole.dparams,
            None if whole.dx is None else whole.dx[..., order],
            tuple(s[..., order] for s in whole.dstate0),
        ),
        "columns in another order",
    )


def check_dtypes(cell: Cell) -> None:
    """float32 gives float32, float64 gives float64, and the two agree to float32's rounding."""
    fine = run(make_case(cell, seed=8))
    coarse = run(make_case(cell, np.float32, seed=8))
    for result, dtype in ((fine, np.float64), (coarse, np.float32)):
        arrays = {"h": result.h, **{f"d{k}": v for k, v in result.dparams.items()}}
        arrays |= {f"final state {k}": s for k, s in enumerate(result.final)}
        arrays |= {f"initial state's gradient {k}": s for k, s in enumerate(result.dstate0)}
        if result.dx is not None:
            arrays["dx"] = result.dx
        for name, array in arrays.items():
            expect(
                array.dtype == dtype,
                f"{name}: is {array.dtype} where the parameters are {np.dtype(dtype)}",
            )
    same(coarse.h, fine.h, "float32 against float64: h", np.float32)
    for name, array in fine.dparams.items():
        same(coarse.dparams[name], array, f"float32 against float64: d{name}", np.float32)


def check_state(cell: Cell) -> None:
    """The initial state is zero, begins with h, and has the final state's shapes and dtypes.

    The last axis of each part is B.
    """
    for dtype in (np.float32, np.float64):
        case = make_case(cell, dtype, seed=9)
        zero = case.cell.initial_state(B, dtype)
        expect(bool(zero), "initial_state: is empty; its first part must be h")
        expect(not any(s.any() for s in zero), "initial_state: is not zero")
        expect(
            zero[0].shape == (N_A, B),
            f"initial_state[0]: shape {zero[0].shape}, expected {(N_A, B)}",
        )
        for columns in (B, 1):
            shapes = [s.shape for s in case.cell.initial_state(columns, dtype)]
            wanted = [(*s.shape[:-1], columns) for s in zero]
            expect(
                shapes == wanted,
                f"initial_state of {columns} columns: shapes {shapes}, expected {wanted}: "
                "the last axis is B",
            )
        found = run(case)
        for given, asked in ((found.final, "final state"), (found.dstate0, "dstate0")):
            expect(
                [(s.shape, s.dtype) for s in given] == [(s.shape, s.dtype) for s in zero],
                f"{asked}: {[(s.shape, str(s.dtype)) for s in given]}, expected those of "
                f"initial_state {[(s.shape, str(s.dtype)) for s in zero]}",
            )
        same(found.final[0], found.h[-1], "final state 0 against the last h", dtype)


def check_no_final_gradient(cell: Cell) -> None:
    """dstate=None means a zero gradient of the final state."""
    case = make_case(cell, seed=10)
    zeros = tuple(np.zeros_like(d) for d in case.dstate)
    same_results(run(case, dstate=None), run(case, dstate=zeros), "dstate=None against zeros")


def check_gates(cell: Cell) -> None:
    """Each gate that the cell shows has the shape of h, lies in 0 … 1 and is of its own step."""
    if not isinstance(cell, GatedCell):
        raise NotApplicable("the cell shows no gates")
    case = make_case(cell, seed=16)
    gated: GatedCell = case.cell  # type: ignore[assignment]
    h, _, cache = gated.forward(case.params, case.x, case.state, None, Scratch())
    gates = gated.gates(cache)
    expect(bool(gates), "gates: is empty")
    for name, values in gates.items():
        expect(values.shape == h.shape, f"gate {name}: {values.shape}, expected {h.shape}")
        inside = bool(((values >= 0) & (values <= 1)).all())
        low, high = float(values.min()), float(values.max())
        expect(inside, f"gate {name}: ranges from {low:.3g} to {high:.3g}, expected 0 … 1")
    _check_gate_words(cell, gates)
    whole, state, scratch = {k: v.copy() for k, v in gates.items()}, case.state, Scratch()
    for t in range(T):
        _, after, cache = gated.forward(case.params, case.x[t : t + 1], state, None, scratch)
        for name, values in gated.gates(cache).items():
            same(values[0], whole[name][t], f"gate {name} of step {t} alone")
        state = tuple(array.copy() for array in after)


def _check_gate_words(cell: Cell, gates: Params) -> None:
    """The words about gates, if there are any, are about every gate that is shown."""
    if not isinstance(cell, DescribedGates):
        return
    words: Any = cell.gate_words
    for name in gates:
        expect(name in words, f"gate_words: says nothing of gate {name}")
    for name, about in words.items():
        told = isinstance(about, GateWords) and about.at_one.strip() and about.at_zero.strip()
        expect(bool(told), f"gate_words: {name} is no GateWords with words for 1 and for 0")


def check_multiplications(cell: Cell) -> None:
    """A cell that counts its multiplications counts each entry of a matrix once or more."""
    if not isinstance(cell, CountedCell):
        raise NotApplicable("the cell leaves counting its multiplications to rnnx")
    for n_x in (N_X, 2 * N_X):
        cost = cost_of(cell, n_x)
        least = matrix_entries(cell, cell.init(np.random.default_rng(0), n_x, np.float32))
        expect(
            cost.multiplications >= least,
            f"multiplications({n_x}): {cost.multiplications}, but the matrices among the "
            f"parameters have {least} entries",
        )


CHECKS = (
    check_gradients,
    check_gradients_of_ids,
    check_gradients_of_lengths,
    check_ids_are_one_hot,
    check_step_by_step,
    check_two_chunks,
    check_padding,
    check_columns_are_independent,
    check_dtypes,
    check_state,
    check_no_final_gradient,
    check_inputs_unchanged,
    check_determinism,
    check_scratch,
    check_small_shapes,
    check_stream,
    check_gates,
    check_multiplications,
    check_golden,
    check_compiled,
    check_any_shape,
    check_everything_has_a_say,
    check_large_sizes,
    check_long_sequence,
    check_gradient_scale,
    check_length_zero,
    check_layout,
    check_init,
    check_parameters_change,
    check_two_at_once,
    check_backward_scratch,
    check_groups,
    check_projection,
    check_process,
    check_history,
    check_threads,
    check_other_process,
)

CellSuite = make_suite("cell", CHECKS)
