"""Checks of a cell at sizes beyond blocks, lanes and windows, and of gradients of any magnitude."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnx.arrays import Array, State
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.components import Cell
from rnnx.testing.cells.case import Case, Result, make_case, named, run, same_results
from rnnx.testing.gradients import same
from rnnx.testing.suite import expect

LARGE = 70, 67, 33, 65  # T, B, n_x, n_a: more than 64, and no multiple of 8
LONG = 300, 2, 3, 4  # more than 256 steps
NOISE = 0.02  # of the parameters
STEPS, COLUMNS = 4, 13  # of a piece of a large case
FACTORS = (2.0**-30, 2.0**-10, -1.0, 2.0**10, 2.0**30)


def calm_case(
    cell: Cell, sizes: tuple[int, int, int, int], seed: int, ids: bool = False, dtype: Any = float
) -> Case:
    """A case whose weights do not stretch: else rounding grows from step to step and is seen."""
    case = make_case(cell, dtype, ids, seed, sizes, noise=NOISE)
    for name, array in case.params.items():
        if array.ndim == 2 and min(array.shape) > 1:
            stretch = float(np.linalg.norm(array.astype(np.float64), 2))
            case.params[name] = (array / max(stretch, 1.0)).astype(dtype)
    return case


def check_large_sizes(cell: Cell) -> None:
    """70 steps, 67 columns and 65 units give what pieces of 4 steps and 13 columns give."""
    case = calm_case(cell, LARGE, 40)
    whole = run(case)
    same_results(_in_steps(case), whole, "pieces of 4 steps against 70 steps")
    same_results(_in_columns(case), whole, "pieces of 13 columns against 67 columns")
    lengths = np.random.default_rng(0).integers(0, LARGE[0] + 1, LARGE[1])
    what = "pieces of 13 columns against 67 columns of different lengths"
    same_results(_in_columns(case, lengths), run(case, lengths), what)
    _check_rows_and_columns(whole)
    _check_directions(case, whole)
    coarse = calm_case(cell, LARGE, 40, dtype=np.float32)
    same(run(coarse).h, whole.h, "float32 against float64: h", np.float32)


def _check_rows_and_columns(found: Result) -> None:
    """No row or column of a parameter is without a gradient: each is used."""
    for name, array in found.dparams.items():
        for axis, of in ((1, "row"), (0, "column")):
            if array.ndim == 2:
                unused = np.flatnonzero(~array.any(axis=axis)).tolist()
                what = f"{of} {unused[:1]} of a cell with {LARGE[3]} units has no gradient"
                expect(not unused, f"{name}: {what}")


def check_long_sequence(cell: Cell) -> None:
    """300 steps give the results and gradients of pieces of 4 steps."""
    case = calm_case(cell, LONG, 41)
    same_results(_in_steps(case), run(case), "pieces of 4 steps against 300 steps")
    ids = calm_case(cell, LONG, 42, ids=True)
    same_results(_in_steps(ids), run(ids), "pieces of 4 steps against 300 steps of ids")


def check_gradient_scale(cell: Cell) -> None:
    """``backward`` is linear: a·dh and a·dstate give a times the gradients, for a of any size."""
    case, lengths = make_case(cell, seed=43), np.array([5, 2, 4])
    for given in (None, lengths):
        expected = named(run(case, given))
        for factor in FACTORS:
            dstate = tuple(factor * d for d in case.dstate)
            found = named(run(case, given, dh=factor * case.dh, dstate=dstate))
            for name, array in expected.items():
                if name == "h" or name.startswith("final state"):
                    continue
                same(found[name] / factor, array, f"gradients times {factor:g}: {name}")


def _in_steps(case: Case) -> Result:
    """The results of pieces of a few steps, chained by state and the state's gradient."""
    starts = range(0, len(case.x), STEPS)
    states: list[State] = [case.state]
    for start in starts:
        x = case.x[start : start + STEPS]
        final = case.cell.forward(case.params, x, states[-1], None, Scratch())[1]
        states.append(tuple(array.copy() for array in final))
    pieces: list[Result] = []
    dstate = case.dstate
    for start, state in zip(reversed(starts), reversed(states[:-1]), strict=True):
        steps = slice(start, start + STEPS)
        piece = run(case, x=case.x[steps], dh=case.dh[steps], state=state, dstate=dstate)
        pieces.insert(0, piece)
        dstate = piece.dstate0
    return _joined(pieces, 0)._replace(final=states[-1], dstate0=dstate)


def _in_columns(case: Case, lengths: Array | None = None) -> Result:
    """The results of pieces of a few columns."""
    pieces = []
    for start in range(0, case.x.shape[-1], COLUMNS):
        columns = slice(start, start + COLUMNS)
        piece = case._replace(
            x=case.x[..., columns],
            dh=case.dh[..., columns],
            state=tuple(s[..., columns] for s in case.state),
            dstate=tuple(s[..., columns] for s in case.dstate),
        )
        pieces.append(run(piece, None if lengths is None else lengths[columns]))
    return _joined(pieces, -1)


def _joined(pieces: list[Result], axis: int) -> Result:
    """Pieces as one result: arrays joined along ``axis``, gradients of parameters added."""

    def joined(arrays: Any) -> Array:
        found: Array = np.concatenate(list(arrays), axis=axis)
        return found

    has_dx = all(piece.dx is not None for piece in pieces)
    return Result(
        joined(piece.h for piece in pieces),
        tuple(joined(parts) for parts in zip(*(p.final for p in pieces), strict=True)),
        {k: np.sum([p.dparams[k] for p in pieces], axis=0) for k in pieces[0].dparams},
        joined(piece.dx for piece in pieces) if has_dx else None,
        tuple(joined(parts) for parts in zip(*(p.dstate0 for p in pieces), strict=True)),
    )


def _check_directions(case: Case, found: Result) -> None:
    """The slope along one random direction of each array equals that of the gradients."""
    rng, step = np.random.default_rng(1), 1e-6
    points = {f"d{name}": array for name, array in case.params.items()}
    points |= {f"gradient of initial state {k}": array for k, array in enumerate(case.state)}
    given, at_rest = named(found) | {"dx": found.dx}, _loss(case)
    for name, point in (points | {"dx": case.x}).items():
        direction, before = rng.normal(size=point.shape), point.copy()
        point[...] = before + step * direction
        above = _loss(case)
        point[...] = before - step * direction
        below = _loss(case)
        point[...] = before
        gradient = given[name]
        expect(gradient is not None, f"{name}: backward returned none")
        slope = float(np.sum(np.asarray(gradient) * direction))
        numeric = (above - below) / (2 * step)
        # A kink within the step, such as a relu's, bends the curve, and the slope by as much.
        bend = abs(above - 2 * at_rest + below) / step
        expect(
            abs(slope - numeric) <= 1e-6 * max(abs(slope), abs(at_rest), 1.0) + 10 * bend,
            f"{name}: along a random direction the gradient says {slope:.9g}, central differences "
            f"say {numeric:.9g}, with {LARGE[3]} units",
        )


def _loss(case: Case) -> float:
    h, final, _ = case.cell.forward(case.params, case.x, case.state, None, Scratch())
    by_state = (float(np.sum(f * d)) for f, d in zip(final, case.dstate, strict=True))
    return float(np.sum(h * case.dh)) + sum(by_state)
