"""Checks of a cell at any size: a batch equals its columns, and every input matters."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnx.contracts.components import Cell
from rnnx.testing.cells.case import Case, Result, make_case, run
from rnnx.testing.gradients import same
from rnnx.testing.shapes import Shape, for_all_shapes
from rnnx.testing.suite import expect


def check_any_shape(cell: Cell) -> None:
    """A batch gives what its columns give alone, for any sizes, dtype, states and lengths."""
    for_all_shapes(lambda shape: _batch_is_its_columns(cell, shape))


def _batch_is_its_columns(cell: Cell, shape: Shape) -> None:
    case = make_case(cell, shape.dtype, shape.ids, shape.seed, shape[:4], shape.scale)
    whole = run(case, shape.lengths)
    _check_arrays(whole, case, shape)
    sums = {name: np.zeros(array.shape) for name, array in case.params.items()}
    for b in range(shape.B):
        n = shape.T if shape.lengths is None else int(shape.lengths[b])
        alone = run(
            case,
            x=case.x[:n, ..., b : b + 1],
            dh=case.dh[:n, :, b : b + 1],
            state=tuple(s[..., b : b + 1] for s in case.state),
            dstate=tuple(s[..., b : b + 1] for s in case.dstate),
        )
        what = f"{shape}: column {b} alone"
        expect(not whole.h[n:, :, b].any(), f"{shape}: h is not 0 beyond column {b}")
        same(whole.h[:n, :, b], alone.h[:, :, 0], f"{what}: h", shape.dtype)
        for k, (final, dstate0) in enumerate(zip(alone.final, alone.dstate0, strict=True)):
            same(whole.final[k][..., b], final[..., 0], f"{what}: final state {k}", shape.dtype)
            same(whole.dstate0[k][..., b], dstate0[..., 0], f"{what}: dstate0 {k}", shape.dtype)
        if whole.dx is not None and alone.dx is not None:
            same(whole.dx[:n, :, b], alone.dx[:, :, 0], f"{what}: dx", shape.dtype)
        for name, array in alone.dparams.items():
            sums[name] += array
    for name, array in sums.items():
        same(whole.dparams[name], array, f"{shape}: d{name} against its columns'", shape.dtype)


def _check_arrays(found: Result, case: Case, shape: Shape) -> None:
    """All results have their shapes and dtypes and are finite."""
    T, B, n_x, n_a = shape[:4]
    expected: dict[str, tuple[Any, tuple[int, ...]]] = {"h": (found.h, (T, n_a, B))}
    for name, array in case.params.items():
        expected[f"d{name}"] = (found.dparams.get(name), array.shape)
    for k, array in enumerate(case.state):
        expected[f"final state {k}"] = (found.final[k], array.shape)
        expected[f"dstate0 {k}"] = (found.dstate0[k], array.shape)
    if not shape.ids:
        expected["dx"] = (found.dx, (T, n_x, B))
    for name, (array, wanted) in expected.items():
        expect(
            np.shape(array) == wanted, f"{shape}: {name} has shape {np.shape(array)}, not {wanted}"
        )
        expect(array.dtype == shape.dtype, f"{shape}: {name} is {array.dtype}")
        expect(bool(np.isfinite(array).all()), f"{shape}: {name} is not all finite")


def check_everything_has_a_say(cell: Cell) -> None:
    """The input, each part of the state and each parameter affect h or the final state.

    Where the state has more parts than h, h itself may have no effect: it may be a read-out.
    """
    case = make_case(cell, seed=15)
    before = run(case)
    for name, array in {"x": case.x, **case.params}.items():
        moved = array + 0.5
        changed: dict[str, Any] = (
            {"x": moved} if name == "x" else {"params": case.params | {name: moved}}
        )
        expect(
            _differs(run(case, **changed), before), f"{name}: has no effect on h or the final state"
        )
    # With a memory beside it, h may be a read-out alone, which the next step does not read.
    memories = range(1 if len(case.state) > 1 else 0, len(case.state))
    for k in memories:
        state = tuple(s + 0.5 * (i == k) for i, s in enumerate(case.state))
        expect(
            _differs(run(case, state=state), before),
            f"state {k}: has no effect on h or the final state",
        )


def _differs(found: Result, before: Result) -> bool:
    pairs = zip((found.h, *found.final), (before.h, *before.final), strict=True)
    return any(not np.array_equal(one, other) for one, other in pairs)
