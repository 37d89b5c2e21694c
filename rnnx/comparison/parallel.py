"""Parallel coordinates: from the swept keys to the metric."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rnnx.comparison.compare import Comparison
from rnnx.comparison.drawing import add_lines, highest_shown, new_figure, plain_label
from rnnx.comparison.runs import ComparedRun
from rnnx.system.png import png_bytes

MAX_TICKS = 30  # labels of an axis; more of them would cover each other


class Axis(NamedTuple):
    """One vertical axis of parallel coordinates."""

    heights: Sequence[float]  # of the runs, in [0, 1]
    ticks: Mapping[str, float]  # text → height


def draw_parallel(comparison: Comparison) -> bytes | None:
    """Parallel coordinates: a line a run, from its values of the swept keys to the metric."""
    runs = comparison.with_value()
    keys = [key for key in _keys(comparison.runs) if len({r.settings.get(key) for r in runs}) > 1]
    if len(runs) < 2 or not keys:
        return None
    rising = comparison.higher_is_better
    axes = [settings_axis([run.settings.get(key, "—") for run in runs]) for key in keys]
    axes.append(metric_axis([comparison.value(run) for run in runs], rising))
    figure = new_figure(4.5)
    drawing = figure.subplots()
    _draw_lines(drawing, axes, rising)
    for place, axis in enumerate(axes):
        _draw_axis(drawing, place, axis)
    drawing.set_xticks(range(len(axes)), [*map(plain_label, (*keys, comparison.metric))])
    drawing.set(yticks=[], xlim=(-0.1, len(keys) + 0.35), ylim=(-0.05, 1.08))
    drawing.set_frame_on(False)
    return png_bytes(figure)


def _keys(runs: Sequence[ComparedRun]) -> list[str]:
    return list(dict.fromkeys(key for run in runs for key in run.settings))


def _draw_lines(drawing: Any, axes: Sequence[Axis], rising: bool) -> None:
    """A line a run across all axes; the best one is the darkest and on top."""
    from matplotlib import colormaps

    viridis, lines = colormaps["viridis"], []  # looked up once: each look-up is a copy
    for heights in reversed(list(zip(*(axis.heights for axis in axes), strict=True))):
        shade = 1 - heights[-1] if rising else heights[-1]
        lines.append(([*enumerate(heights)], viridis(0.95 * shade)))
    add_lines(drawing, lines, linewidth=1.6, alpha=0.8)


def _draw_axis(drawing: Any, place: int, axis: Axis) -> None:
    drawing.axvline(place, color="0.3", linewidth=0.8)
    for text, height in _legible(axis.ticks):
        drawing.annotate(
            plain_label(text),
            (place, height),
            xytext=(4, 2),
            fontsize="small",
            textcoords="offset points",
            bbox={"color": "white", "alpha": 0.7, "pad": 0.5},
        )


def _legible(ticks: Mapping[str, float]) -> list[tuple[str, float]]:
    """The labels of an axis that do not cover each other; the lowest is one of them."""
    kept: list[tuple[str, float]] = []
    if len(ticks) <= MAX_TICKS:
        return list(ticks.items())
    for text, height in sorted(ticks.items(), key=lambda tick: tick[1]):
        if not kept or height - kept[-1][1] >= 1 / MAX_TICKS:
            kept.append((text, height))
    return kept


def metric_axis(values: Sequence[float], rising: bool) -> Axis:
    """An axis of a metric's values; ``rising``: more of it is better, and all of it is shown."""
    low, high = min(values), max(values) if rising else highest_shown(values)
    heights = [min((value - low) / ((high - low) or 1), 1.0) for value in values]
    ticks = {f"{low + part * (high - low):.4g}": part for part in (0, 0.25, 0.5, 0.75, 1)}
    if max(values) > high:
        ticks = {(f"{text} and more" if part == 1 else text): part for text, part in ticks.items()}
    return Axis(heights, ticks)


def settings_axis(values: Sequence[str]) -> Axis:
    """An axis of a key's values: spaced as numbers where all are, else evenly in their order.

    Positive numbers that span a factor of ten or more are spaced by their logarithms.
    """
    several = list(dict.fromkeys(values))
    try:
        numbers = {text: float(text) for text in several}
    except ValueError:
        numbers = {}
    if numbers and all(map(math.isfinite, numbers.values())):
        low, high = min(numbers.values()), max(numbers.values())
        if low > 0 and high / low >= 10:
            numbers = {text: math.log(number) for text, number in numbers.items()}
            low, high = math.log(low), math.log(high)
        ticks = {text: (n - low) / ((high - low) or 1) for text, n in numbers.items()}
    else:
        ticks = {text: i / max(len(several) - 1, 1) for i, text in enumerate(sorted(several))}
    return Axis([ticks[text] for text in values], ticks)
