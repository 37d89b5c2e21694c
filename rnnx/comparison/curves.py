"""Loss curves: of every run, and the mean of every group over its seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rnnx.comparison.compare import Comparison
from rnnx.comparison.drawing import (
    MAX_LABELS,
    color_key,
    group_colors,
    highest_shown,
    new_figure,
    plain_label,
)
from rnnx.comparison.groups import name_without_seed
from rnnx.comparison.statistics import mean_and_spread
from rnnx.contracts.trackers import Point
from rnnx.runs.folder import RunFolder
from rnnx.runs.metrics_file import read_history
from rnnx.system.png import png_bytes

LOSSES = ("val/loss", "train/smooth_loss", "train/loss")  # the first one that all runs have

Curve = Mapping[int, float]  # step → loss


def loss_curves(comparison: Comparison) -> tuple[str, list[Curve]]:
    """The loss that is drawn, ``val/loss``, and each run's curve of it; empty where it has none."""
    histories = [_losses(run.folder) if run.folder else {} for run in comparison.runs]
    begun = [history for history in histories if history]
    in_all = (key for key in LOSSES if begun and all(key in history for history in begun))
    key = next(in_all, LOSSES[-1])
    return key, [
        {p.step: p.value for p in history.get(key, ()) if math.isfinite(p.value)}
        for history in histories
    ]


def _losses(folder: RunFolder) -> Mapping[str, Sequence[Point]]:
    """The points of the losses alone, and an empty list for other metrics: runs are many."""
    history = read_history(folder.metrics)
    return {key: points if key in LOSSES else () for key, points in history.items()}


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


def _add_legend(axes: Any) -> None:
    axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)


def draw_curves(comparison: Comparison, key: str, curves: Sequence[Curve]) -> bytes | None:
    """The curve of every run, in the colour of its group."""
    if max(map(len, curves), default=0) < 2:
        return None
    figure = new_figure(5)
    axes = _loss_axes(figure, _loss_label(comparison, key), curves)
    colors = group_colors([color_key(run) for run in comparison.runs])
    names = {group.hash: group.name for group in comparison.groups}
    labelled: set[str] = set()  # the groups in the legend
    for run, curve in zip(comparison.runs, curves, strict=True):
        group, label = color_key(run), None
        if curve and group not in labelled and len(labelled) < MAX_LABELS:
            labelled.add(group)
            label = plain_label(names.get(group, name_without_seed(run)))
        steps = sorted(curve)
        losses = [curve[step] for step in steps]
        axes.plot(steps, losses, color=colors[group], label=label, linewidth=1.2, alpha=0.85)
    _add_legend(axes)
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
    for place, (group, alike) in enumerate(of_group.items()):
        steps, mean, spread = over_seeds(alike)
        label = f"{plain_label(names.get(group, group[:8]))} ({len(alike)})"
        axes.plot(steps, mean, color=colors[group], label=label if place < MAX_LABELS else None)
        low = [m - s for m, s in zip(mean, spread, strict=True)]
        high = [m + s for m, s in zip(mean, spread, strict=True)]
        axes.fill_between(steps, low, high, color=colors[group], alpha=0.2, linewidth=0)
        for trace in alike if len(alike) > 1 else ():
            by_step = sorted(trace.items())
            axes.plot(*zip(*by_step, strict=True), color=colors[group], linewidth=0.6, alpha=0.5)
    _add_legend(axes)
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
