"""Analytic gradients against central differences, in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from rnnx.arrays import Array
from rnnx.testing.suite import TALLY, expect

STEP = 1e-6  # of the difference: rounding costs 1e-10, curvature 1e-12
RELATIVE, ABSOLUTE = 1e-6, 1e-8
KINKS = 0.02  # the share of entries that may lie on a kink, as of a relu


def check_slopes(
    loss: Callable[[], float], points: Mapping[str, Array], analytic: Mapping[str, Array | None]
) -> None:
    """Every entry of every array in ``points``, moved in place, against ``analytic``.

    Raises CheckFailed with each wrong parameter, its worst place, both figures. An entry whose
    differences to the two sides disagree stands on a kink and tells nothing; many such are a
    failure too.
    """
    expect(bool(points), "there is nothing to take a gradient of: the component has no parameters")
    kinks, faults = 0, []
    for name, point in points.items():
        given = analytic.get(name)
        expect(given is not None, f"{name}: has no gradient")
        assert given is not None
        expect(
            np.shape(given) == point.shape,
            f"{name}: its gradient has shape {np.shape(given)}, expected {point.shape}",
        )
        off, on_kinks = _off(loss, point, np.asarray(given))
        kinks += on_kinks
        TALLY.count += point.size
        if off:
            faults.append(_in_numbers(name, point, off))
    expect(not faults, "; ".join(faults))
    entries = sum(point.size for point in points.values())
    expect(kinks <= KINKS * entries, f"{kinks} of {entries} gradients do not fit on either side")


class Off(NamedTuple):
    """An entry whose gradient is wrong."""

    place: tuple[int, ...]
    analytic: float
    numeric: float


def _off(loss: Callable[[], float], point: Array, given: Array) -> tuple[list[Off], int]:
    """The entries that do not fit, and how many stand on a kink."""
    at_rest, kinks, off = loss(), 0, []
    for place in np.ndindex(point.shape):
        forth, back = _moved(loss, point, place, STEP), _moved(loss, point, place, -STEP)
        numeric, analytic = (forth - back) / (2 * STEP), float(given[place])
        if abs(numeric - analytic) <= ABSOLUTE + RELATIVE * max(abs(numeric), abs(at_rest)):
            continue
        if abs(forth - 2 * at_rest + back) > 1e-3 * STEP:
            kinks += 1
            continue
        off.append(Off(place, analytic, numeric))
    return off, kinks


def _in_numbers(name: str, point: Array, off: list[Off]) -> str:
    worst = max(off, key=lambda one: np.nan_to_num(abs(one.analytic - one.numeric), nan=np.inf))
    more = f" ({len(off)} of {point.size} entries are off)" if point.size > 1 else ""
    return (
        f"{name}{list(worst.place)}: the gradient is {worst.analytic:.9g}, "
        f"central differences say {worst.numeric:.9g}{more}"
    )


def _moved(loss: Callable[[], float], point: Array, place: tuple[int, ...], by: float) -> float:
    kept = point[place]
    point[place] = kept + by
    value = loss()
    point[place] = kept
    return value


def same(found: Array, expected: Array, what: str, dtype: object = np.float64) -> None:
    """Raise CheckFailed, with the worst entry, unless two arrays agree to rounding."""
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
