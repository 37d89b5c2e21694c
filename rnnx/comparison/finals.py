"""The values of a metric at the end, seed by seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnnx.comparison.compare import Comparison
from rnnx.comparison.drawing import (
    add_lines,
    color_key,
    group_colors,
    highest_shown,
    new_figure,
    plain_label,
)
from rnnx.system.png import png_bytes

MAX_GROUPS = 40  # rows of the figure, from the best on


def draw_finals(comparison: Comparison) -> bytes | None:
    """A row a group, the best at the top: a dot a seed, the mean and its interval."""
    with_values = [group for group in comparison.groups if group.values]
    groups = with_values[:MAX_GROUPS]
    if len(groups) < 2 or max(len(group.values) for group in groups) < 2:
        return None
    figure = new_figure(1.2 + 0.3 * len(groups))
    axes = figure.subplots()
    colors = group_colors([color_key(run) for run in comparison.runs])
    own = [colors[group.hash] for group in groups]
    spans = [
        ([(group.interval.low, row), (group.interval.high, row)], color)
        for row, (group, color) in enumerate(zip(groups, own, strict=True))
        if group.interval
    ]
    dots = [(v, row, own[row]) for row, group in enumerate(groups) for v in group.values]
    means = [(group.mean, row, own[row]) for row, group in enumerate(groups)]
    add_lines(axes, spans, linewidth=6, alpha=0.25)
    _add_marks(axes, dots, "o", size=5, alpha=0.7)
    _add_marks(axes, means, "|", size=18, alpha=1)
    names = [plain_label(group.name) for group in groups]
    axes.set_yticks(range(len(groups)), names, fontsize="small")
    axes.set_ylim(len(groups) - 0.5, -0.5)
    _limit(axes, [value for group in groups for value in group.values], comparison)
    axes.set_xlabel(plain_label(comparison.metric))
    axes.grid(axis="x", alpha=0.3)
    if len(groups) < len(with_values):
        axes.set_title(f"the best {len(groups)} of {len(with_values)} configurations")
    return png_bytes(figure)


def _add_marks(
    axes: Any, marks: Sequence[tuple[float, int, Any]], marker: str, size: int, alpha: float
) -> None:
    """Marks at a value and a row, each in its colour, as one artist of Matplotlib's."""
    values, rows, colors = zip(*marks, strict=True)
    look = {"marker": marker, "linewidths": max(size / 9, 1), "alpha": alpha, "zorder": 2}
    axes.scatter(values, rows, s=size**2, c=colors, **look)


def _limit(axes: Any, values: list[float], comparison: Comparison) -> None:
    """Show every seed, but not what diverges, nor all of an interval that is wider than that."""
    low = min(values)
    high = max(values) if comparison.higher_is_better else highest_shown(values)
    margin = 0.15 * (high - low) or 0.1
    axes.set_xlim(low - margin, high + margin)
