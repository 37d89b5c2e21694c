"""Loss curves: of every run, and the mean of every group over its seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rnnx.comparison.compare import Comparison
from rnnx.comparison.drawing import (
    MAX_LABELS,
    Line,
    add_bands,
    add_legend,
    add_lines,
    color_key,
    group_colors,
    highest_shown,
    new_figure,
    plain_label,
    thinned,
)
from rnnx.comparison.groups import name_without_seed
from rnnx.comparison.runs import ComparedRun
from rnnx.comparison.statistics import mean_and_spread
from rnnx.runs.metrics_file import read_history
from rnnx.system.png import png_bytes

LOSSES = ("val/loss", "train/smooth_loss", "train/loss")  # the first one that all runs have

Curve = Mapping[int, float]  # step → loss


def loss_curves(comparison: Comparison) -> tuple[str, list[Curve]]:
    """The loss that is drawn, ``val/loss``, and each run's curve of it; empty where it has none."""
    folders = [run.folder for run in comparison.runs]
    histories = [read_history(one.metrics, LOSSES) if one else {} for one in folders]
    begun = [history for history in histories if history]
    in_all = (key for key in LOSSES if begun and all(key in history for history in begun))
    key = next(in_all, LOSSES[-1])
    return key, [
        {p.step: p.value for p in history.get(key, ()) if math.isfinite(p.value)}
        for history in histories
    ]


def _loss_label(comparison: Comparison, key: str) -> str:
    """The name of the loss, with its unit where all runs have the same."""
    units = {run.loss_unit for run in comparison.runs if run.folder}
    return f"{plain_label(key)} ({units.pop()})" if len(units) == 1 else plain_label(key)


def _loss_axes(figure: Any, label: str, curves: Sequence[Curve]) -> Any:
    losses = [loss for curve in curves for loss in curve.values()]
    low, high = min(losses), highest_shown(losses)
    axes, margin = figure.subplots(), 0.05 * (high - low) or 0.1
    axes.set_ylim(low - margin, high + margin)
    axes.set(xlabel="step", ylabel=label)
    axes.grid(alpha=0.3)
    return axes


def draw_curves(comparison: Comparison, key: str, curves: Sequence[Curve]) -> bytes | None:
    """The curve of every run, in the colour of its group."""
    if max(map(len, curves), default=0) < 2:
        return None
    figure = new_figure(5)
    axes = _loss_axes(figure, _loss_label(comparison, key), curves)
    colors = group_colors([color_key(run) for run in comparison.runs])
    names = {group.hash: group.name for group in comparison.groups}
    first: dict[str, ComparedRun] = {}  # of each group
    lines = []
    for run, curve in zip(comparison.runs, curves, strict=True):
        if curve:
            first.setdefault(color_key(run), run)
            lines.append((thinned(sorted(curve.items())), colors[color_key(run)]))
    add_lines(axes, lines, linewidth=1.2, alpha=0.85)
    shown = list(first.items())[:MAX_LABELS]
    told = [(names.get(g, name_without_seed(run)), colors[g]) for g, run in shown]
    add_legend(axes, told)
    return png_bytes(figure)


def draw_seeds(comparison: Comparison, key: str, curves: Sequence[Curve]) -> bytes | None:
    """The mean of every group in a band of one standard deviation, and its seeds as thin lines."""
    counted = {id(run) for group in comparison.groups for run in group.runs}
    of_group: dict[str, list[Curve]] = {}
    for run, curve in zip(comparison.runs, curves, strict=True):
        if curve and (id(run) in counted or not run.group):
            of_group.setdefault(color_key(run), []).append(curve)
    if max(map(len, of_group.values()), default=0) < 2:
        return None
    figure = new_figure(5)
    axes = _loss_axes(figure, _loss_label(comparison, key), curves)
    colors = group_colors([color_key(run) for run in comparison.runs])
    names = {group.hash: group.name for group in comparison.groups}
    traces: list[tuple[Line, Any]] = []
    means: list[tuple[Line, Any]] = []
    bands: list[tuple[Line, Line, Any]] = []
    for group, alike in of_group.items():
        steps, mean, spread = over_seeds(alike)
        color, own = colors[group], list(zip(steps, mean, spread, strict=True))
        means.append((thinned([(step, m) for step, m, _ in own]), color))
        low, high = ([(step, m + sign * s) for step, m, s in own] for sign in (-1, 1))
        bands.append((thinned(low), thinned(high), color))
        if len(alike) > 1:
            traces += [(thinned(sorted(curve.items())), color) for curve in alike]
    add_bands(axes, bands)
    add_lines(axes, traces, linewidth=0.6, alpha=0.5)
    add_lines(axes, means, linewidth=1.5, alpha=1.0)
    shown = list(of_group.items())[:MAX_LABELS]
    told = [(f"{names.get(g, g[:8])} ({len(alike)})", colors[g]) for g, alike in shown]
    add_legend(axes, told)
    return png_bytes(figure)


def over_seeds(curves: Sequence[Curve]) -> tuple[list[int], list[float], list[float]]:
    """Steps, means and sample standard deviations where at least two curves (or the one) are."""
    enough = min(2, len(curves))
    values = {
        step: losses
        for step in sorted({step for curve in curves for step in curve})
        if len(losses := [curve[step] for curve in curves if step in curve]) >= enough
    }
    both = [mean_and_spread(losses) for losses in values.values()]
    mean, spread = [pair[0] for pair in both], [pair[1] if enough > 1 else 0.0 for pair in both]
    return list(values), mean, spread
