"""The loss curve of a run, as a PNG."""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from rnnx.contracts.trackers import Point
from rnnx.system.png import drawing, png_bytes

LABELS = {
    "train/loss": "training",
    "train/smooth_loss": "training, smoothed",
    "val/loss": "held out",
}
NORM = "grad/norm"
DRAWN = {*LABELS, NORM}
"""The metrics that are drawn."""
MAX_TICKS = 10  # of an axis, that are made before it is known how many there are


def draw_curve(
    history: Mapping[str, Sequence[Point]], path: Path, unit: str = "nats"
) -> Path | None:
    """Draw training and held-out loss by step; None where no curve has two points to join.

    ``unit`` is that of the loss.
    """
    png = curve_png(history, unit)
    if png is None:
        return None
    path.write_bytes(png)
    return path


def curve_png(history: Mapping[str, Sequence[Point]], unit: str = "nats") -> bytes | None:
    """The figure of :func:`draw_curve`."""
    curves = {key: history[key] for key in LABELS if history.get(key)}
    if max(map(len, curves.values()), default=0) < 2:
        return None
    return _draw(curves, history.get(NORM, ()), unit)


def load_drawing() -> None:
    """Import Matplotlib, where that is possible, and make axes: a first figure would wait for them.

    It may be called beside training. So it leaves Python's filters of warnings alone, which threads
    share, and a warning that they make an exception leaves the axes to the figure.
    """
    with suppress(Exception):
        for module in ("figure", "ticker", "backends.backend_agg"):
            importlib.import_module(f"matplotlib.{module}")
        if not _EMPTY:
            _EMPTY.append(_empty())


def warm_up() -> None:
    """Make what the first figure of a process would wait for: imports, fonts, empty axes."""
    points = [Point("train/loss", value, step, 0) for step, value in enumerate((1.0, 20.0))]
    _draw({"train/loss": points}, points, "nats")
    with drawing():
        _EMPTY[:] = [_empty()]


class _Figure(NamedTuple):
    """A figure of Matplotlib's with its two axes."""

    figure: Any
    upper: Any
    lower: Any


_EMPTY: list[_Figure] = []  # that were made before they are needed; each is drawn into once


def _empty() -> _Figure:
    """A figure without curves; axes and their ticks are half of the work of drawing one."""
    from matplotlib.figure import Figure  # not pyplot: no global state, no window

    figure = Figure(figsize=(7, 5.5))
    figure.subplots_adjust(left=0.13, right=0.97, bottom=0.1, top=0.97, hspace=0.08)
    upper, lower = figure.subplots(2, sharex=True, height_ratios=[3, 1])
    lower.set(xlabel="step", ylabel="gradient's norm\nbefore clipping")
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
        for axis in (axes.xaxis, axes.yaxis):
            axis.get_major_ticks(MAX_TICKS)
    return _Figure(figure, upper, lower)


@drawing()
def _draw(curves: Mapping[str, Sequence[Point]], norms: Sequence[Point], unit: str) -> bytes:
    try:
        figure, upper, lower = _EMPTY.pop()
    except IndexError:
        figure, upper, lower = _empty()
    upper.set_ylabel(f"loss ({unit})")
    for key, points in curves.items():
        alpha = 0.3 if key == "train/loss" else 1.0
        marker = "." if key == "val/loss" else ""
        upper.plot(*_finite(points), label=LABELS[key], marker=marker, alpha=alpha)
    if curves:
        upper.legend()
    steps, values = _finite(norms)
    lower.plot(steps, values, linewidth=0.8)
    _set_log_scale(lower, values)
    return png_bytes(figure, compress_level=3)  # every job of a sweep draws one: be quick


def _set_log_scale(axes: Any, values: Sequence[float]) -> None:
    """A logarithmic scale with few ticks and plain numbers: ticks take time and room."""
    from matplotlib.ticker import LogLocator, NullLocator

    positive = [value for value in values if value > 0]
    if not positive:
        return
    is_wide = max(positive) > 300 * min(positive)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1,) if is_wide else (1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:g}")


def _finite(points: Sequence[Point]) -> tuple[list[int], list[float]]:
    """Steps and values of the points whose values are finite."""
    finite = [point for point in points if math.isfinite(point.value)]
    return [point.step for point in finite], [point.value for point in finite]
