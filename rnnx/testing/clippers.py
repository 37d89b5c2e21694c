"""What every clipper has to do: the checks of ClipperSuite."""

from __future__ import annotations

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.buffers import Parameters
from rnnx.contracts.components import Clipper
from rnnx.testing.suite import NotApplicable, expect, make_suite


def _clip(clipper: Clipper, flat: Array) -> tuple[Array, bool]:
    """The gradients after clipping and the clipper's answer."""
    half = len(flat) // 2
    grads = Parameters({"a": {"W": flat[:half]}, "b": {"W": flat[half:]}}, flat.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        changed = clipper.clip(grads, float(np.linalg.norm(flat.astype(np.float64))))
    return grads.flat, bool(changed)


def _gradients(dtype: type = np.float64) -> list[Array]:
    rng = np.random.default_rng(0)
    sizes = (1e-3, 0.1, 1.0, 10.0, 1e3)
    return [(rng.normal(size=20) * size).astype(dtype) for size in sizes]


def check_bound(clipper: Clipper) -> None:
    """No entry grows, and so neither does the norm; all sizes of gradients end bounded alike."""
    for flat in _gradients():
        found, _ = _clip(clipper, flat)
        grown = np.abs(found) > np.abs(flat)
        expect(not grown.any(), f"an entry grew from {flat[grown]} to {found[grown]}")


def check_limit(clipper: Clipper) -> None:
    """Where there is a field ``limit``, the largest entry or the norm ends within it."""
    limit = getattr(clipper, "limit", None)
    if limit is None:
        raise NotApplicable("the clipper has no field limit")
    for flat in _gradients():
        found, _ = _clip(clipper, flat)
        largest = float(np.max(np.abs(found)))
        expect(
            largest <= limit * (1 + 1e-6),
            f"limit={limit}: an entry of {largest} is left",
        )


def check_direction(clipper: Clipper) -> None:
    """No entry changes its sign, and what is 0 stays 0."""
    for flat in _gradients():
        flat[3] = 0
        found, _ = _clip(clipper, flat)
        expect(found[3] == 0, f"a gradient of 0 became {found[3]}")
        turned = np.sign(found) * np.sign(flat) < 0
        expect(not turned.any(), f"an entry turned from {flat[turned]} to {found[turned]}")


def check_answer(clipper: Clipper) -> None:
    """True exactly where something was changed."""
    for flat in _gradients():
        found, changed = _clip(clipper, flat)
        really = not np.array_equal(found, flat)
        expect(changed == really, f"clip returned {changed}, but changed = {really}")


def check_again(clipper: Clipper) -> None:
    """What was clipped is not clipped again, up to rounding."""
    for flat in _gradients():
        once, _ = _clip(clipper, flat)
        twice, _ = _clip(clipper, once.copy())
        expect(np.allclose(once, twice, rtol=1e-9, atol=0), "a second clip changes the gradients")


def check_not_a_number(clipper: Clipper) -> None:
    """NaN stays NaN: a clipper must not hide what went wrong."""
    for flat in _gradients():
        flat[5] = np.nan
        found, _ = _clip(clipper, flat)
        expect(bool(np.isnan(found).any()), "NaN was hidden")


def check_dtypes(clipper: Clipper) -> None:
    """Gradients keep their type and their place."""
    for dtype in (np.float32, np.float64):
        for flat in _gradients(dtype):
            grads = Parameters({"a": {"W": flat}}, dtype)
            before = grads.flat
            clipper.clip(grads, float(np.linalg.norm(flat)))
            expect(grads.flat is before, "clip: replaced grads.flat; change it in place")
            expect(grads.flat.dtype == dtype, f"clip: {np.dtype(dtype)} became {grads.flat.dtype}")


CHECKS = (
    check_bound,
    check_limit,
    check_direction,
    check_answer,
    check_again,
    check_not_a_number,
    check_dtypes,
)

ClipperSuite = make_suite("clipper", CHECKS)
