"""The checks of ClipperSuite: what every clipper must do."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.buffers import Parameters
from rnnx.contracts.components import Clipper
from rnnx.testing.isolation import Results, isolation_checks, threads_check
from rnnx.testing.suite import NotApplicable, expect, make_suite


def _tree(flat: Array) -> dict[str, dict[str, Array]]:
    """The numbers as the gradients of a network of two layers."""
    a, b, c, d = np.array_split(flat, 4)
    return {"layer0": {"Wx": a, "b": b}, "layer1": {"Wh": c}, "head": {"Wy": d[:-1], "by": d[-1:]}}


def _clip(clipper: Clipper, flat: Array) -> tuple[Array, bool]:
    """The gradient after clipping, and what ``clip`` returned."""
    grads = Parameters(_tree(flat), flat.dtype)
    with np.errstate(over="ignore", invalid="ignore"):
        changed = clipper.clip(grads, float(np.linalg.norm(flat.astype(np.float64))))
    return grads.flat, bool(changed)


def exercise(clipper: Clipper, which: int) -> Results:
    """The clipped gradients of several sizes, and the answers."""
    results: dict[str, Any] = {}
    for k, flat in enumerate(_gradients()):
        results[f"gradient {k}"], results[f"answer {k}"] = _clip(clipper, np.roll(flat, which))
    return results


check_process, check_history, check_other_process = isolation_checks(exercise)
check_threads = threads_check(exercise)


def _gradients(dtype: Any = np.float64) -> list[Array]:
    rng = np.random.default_rng(0)
    sizes = (1e-3, 0.1, 1.0, 10.0, 1e3)
    found = [(rng.normal(size=20) * size).astype(dtype) for size in sizes]
    return [*found, rng.normal(size=5000).astype(dtype), np.zeros(20, dtype)]


def check_bound(clipper: Clipper) -> None:
    """No entry grows in absolute value, for gradients of any size."""
    for flat in _gradients():
        found, _ = _clip(clipper, flat)
        grown = np.abs(found) > np.abs(flat)
        expect(not grown.any(), f"an entry grew from {flat[grown]} to {found[grown]}")


def check_limit(clipper: Clipper) -> None:
    """If the clipper has a field ``limit``, no entry is larger afterwards."""
    limit = getattr(clipper, "limit", None)
    if limit is None:
        raise NotApplicable("the clipper has no field limit")
    for flat in _gradients():
        found, _ = _clip(clipper, flat)
        largest = float(np.max(np.abs(found)))
        expect(
            largest <= limit * (1 + 1e-6),
            f"limit={limit}: an entry of {largest} remains",
        )


def check_direction(clipper: Clipper) -> None:
    """No entry changes its sign, and a gradient of 0 stays 0."""
    for flat in _gradients():
        flat[3] = 0
        found, _ = _clip(clipper, flat)
        expect(found[3] == 0, f"a gradient of 0 became {found[3]}")
        turned = np.sign(found) * np.sign(flat) < 0
        expect(
            not turned.any(), f"an entry changed its sign from {flat[turned]} to {found[turned]}"
        )


def check_answer(clipper: Clipper) -> None:
    """``clip`` returns True exactly if it changed an entry."""
    for flat in _gradients():
        found, changed = _clip(clipper, flat)
        differs = not np.array_equal(found, flat)
        what = "changed the gradient" if differs else "left the gradient unchanged"
        expect(changed == differs, f"clip returned {changed}, but it {what}")


def check_again(clipper: Clipper) -> None:
    """Clipping twice gives what clipping once gives, to rounding."""
    for flat in _gradients():
        once, _ = _clip(clipper, flat)
        twice, _ = _clip(clipper, once.copy())
        expect(
            np.allclose(once, twice, rtol=1e-9, atol=0),
            "a second clip changes the clipped gradient",
        )


def check_not_a_number(clipper: Clipper) -> None:
    """A gradient with NaN or ±inf is not finite afterwards: clipping must not hide a diverged run.

    Training ends at such a gradient before it is clipped; whoever clips by himself relies on this.
    """
    for bad in (np.nan, np.inf, -np.inf):
        for flat in _gradients():
            flat[5] = bad
            found, _ = _clip(clipper, flat)
            expect(
                not np.isfinite(found).all(),
                f"the gradient had a {bad} before clipping and is all finite after it",
            )


def check_dtypes(clipper: Clipper) -> None:
    """Gradients are changed in place and keep their dtype."""
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
    check_process,
    check_history,
    check_threads,
    check_other_process,
)

ClipperSuite = make_suite("clipper", CHECKS)
