"""Compare analytic gradients with central differences, in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from rnnx.arrays import Array
from rnnx.testing.suite import COMPARISONS, expect

STEP = 1e-6  # of a difference; rounding then causes an error of 1e-10, curvature of 1e-12
RELATIVE, ABSOLUTE = 1e-6, 1e-8
KINKS_MAX = 0.02  # the fraction of entries that may lie on a kink, such as a relu's


def check_slopes(
    loss: Callable[[], float], points: Mapping[str, Array], analytic: Mapping[str, Array | None]
) -> None:
    """Compare the slope of ``loss`` at every entry of ``points`` with the gradients ``analytic``.

    The entries are moved in place and restored. CheckFailed names each wrong array, its worst entry
    and both numbers. An entry where the one-sided differences disagree lies on a kink and is
    skipped; too many of them are a failure as well.
    """
    expect(bool(points), "there is nothing to differentiate: the component has no parameters")
    kinks, faults = 0, []
    for name, point in points.items():
        given = analytic.get(name)
        expect(given is not None, f"{name}: backward returned no gradient for it")
        assert given is not None
        expect(
            np.shape(given) == point.shape,
            f"{name}: its gradient has shape {np.shape(given)}, expected {point.shape}",
        )
        off, on_kinks = _wrong_entries(loss, point, np.asarray(given))
        kinks += on_kinks
        COMPARISONS.count += point.size
        if off:
            faults.append(_describe(name, point, off))
    expect(not faults, "; ".join(faults))
    entries = sum(point.size for point in points.values())
    expect(
        kinks <= KINKS_MAX * entries,
        f"at {kinks} of {entries} entries the slopes to the two sides differ: "
        "forward is not differentiable there",
    )


class WrongEntry(NamedTuple):
    """An entry whose gradient is wrong."""

    where: tuple[int, ...]
    analytic: float
    numeric: float


def _wrong_entries(
    loss: Callable[[], float], point: Array, given: Array
) -> tuple[list[WrongEntry], int]:
    """The entries whose gradient is wrong, and how many others lie on a kink."""
    at_rest, kinks, off = loss(), 0, []
    for index in np.ndindex(point.shape):
        above, below = _moved(loss, point, index, STEP), _moved(loss, point, index, -STEP)
        numeric, analytic = (above - below) / (2 * STEP), float(given[index])
        if abs(numeric - analytic) <= ABSOLUTE + RELATIVE * max(abs(numeric), abs(at_rest)):
            continue
        if abs(above - 2 * at_rest + below) > 1e-3 * STEP:
            kinks += 1
            continue
        off.append(WrongEntry(index, analytic, numeric))
    return off, kinks


def _describe(name: str, point: Array, off: list[WrongEntry]) -> str:
    worst = max(off, key=lambda one: np.nan_to_num(abs(one.analytic - one.numeric), nan=np.inf))
    more = f" ({len(off)} of {point.size} entries are wrong)" if point.size > 1 else ""
    return (
        f"{name}{list(worst.where)}: the gradient is {worst.analytic:.9g}, "
        f"central differences say {worst.numeric:.9g}{more}"
    )


def _moved(loss: Callable[[], float], point: Array, index: tuple[int, ...], by: float) -> float:
    before = point[index]
    point[index] = before + by
    value = loss()
    point[index] = before
    return value


def same(found: Array, expected: Array, what: str, dtype: object = np.float64) -> None:
    """Raise CheckFailed, which names the worst entry, unless two arrays agree to rounding."""
    expect(
        np.shape(found) == np.shape(expected),
        f"{what}: shape {np.shape(found)}, expected {np.shape(expected)}",
    )
    tolerance = 1e-9 if np.dtype(dtype) == np.float64 else 2e-4  # type: ignore[call-overload]
    if not np.size(expected):
        return
    off = np.abs(np.asarray(found, np.float64) - expected)
    scale = max(1.0, float(np.max(np.abs(expected))))
    worst = np.unravel_index(np.argmax(np.where(np.isnan(off), np.inf, off)), off.shape)
    expect(
        bool(off[worst] <= tolerance * scale),
        f"{what}{[int(i) for i in worst]}: {float(found[worst]):.9g}, "
        f"expected {float(expected[worst]):.9g}",
        np.size(expected),
    )
