"""The figures of a comparison: loss curves, means over seeds, parallel coordinates."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rnnx.comparison.compare import Comparison
from rnnx.comparison.groups import members, name_without_seed, one_a_seed
from rnnx.comparison.runs import ComparedRun
from rnnx.comparison.statistics import mean_and_spread
from rnnx.runs.metrics_file import read_history
from rnnx.system.png import plain_texts, png_bytes
from rnnx.system.text import printable

LOSSES = ("val/loss", "train/smooth_loss", "train/loss")  # the first one that all runs have
MAX_LABELS = 10  # curves that a legend names; as many have colours that are easy to tell apart
MAX_LABEL_LENGTH = 60  # characters
MAX_LOSS_RATIO = 10  # losses beyond so many times the lowest leave the figure at its top

Curve = Mapping[int, float]  # step → loss


def draw_figures(comparison: Comparison) -> dict[str, bytes]:
    """Name → PNG of every figure that has something to show."""
    key, curves = loss_curves(comparison)
    with warnings.catch_warnings(), plain_texts():
        warnings.simplefilter("ignore")  # of losses so large that Matplotlib's sums overflow
        figures = {
            "curves": _draw_curves(comparison, key, curves),
            "seeds": _draw_seeds(comparison, key, curves),
            "parallel": _draw_parallel(comparison),
        }
    return {name: png for name, png in figures.items() if png is not None}


def loss_curves(comparison: Comparison) -> tuple[str, list[Curve]]:
    """The loss that is drawn, and each run's curve of it; empty where a run has none."""
    histories = [read_history(r.folder.metrics) if r.folder else {} for r in comparison.runs]
    begun = [history for history in histories if history]
    in_all = (key for key in LOSSES if begun and all(key in history for history in begun))
    key = next(in_all, LOSSES[-1])
    return key, [
        {p.step: p.value for p in history.get(key, ()) if math.isfinite(p.value)}
        for history in histories
    ]


def _figure(height: float) -> Any:
    from matplotlib.figure import Figure  # not pyplot: no global state, no window

    return Figure(figsize=(10, height), layout="constrained")


def group_colors(groups: Sequence[str]) -> dict[str, Any]:
    """A colour a group: distinct ones while they last, then a range from the best to the worst."""
    from matplotlib import colormaps

    several = list(dict.fromkeys(groups))
    if len(several) <= MAX_LABELS:
        return {group: colormaps["tab10"](place) for place, group in enumerate(several)}
    last = len(several) - 1
    return {group: colormaps["viridis"](place / last) for place, group in enumerate(several)}


def plain_label(text: str) -> str:
    """The text as Matplotlib draws it to the letter: no formulas, no line breaks, not hidden."""
    text = printable(" ".join(text.split()))
    if len(text) > MAX_LABEL_LENGTH:
        text = f"{text[: MAX_LABEL_LENGTH - 1]}…"
    return " " * text.startswith("_") + text.replace("$", r"\$")


def _group(run: ComparedRun) -> str:
    return run.group or run.run_id


def highest_shown(losses: Sequence[float]) -> float:
    """The highest loss that a figure has room for: a run that diverges hides no other."""
    low = min(losses)
    return max(loss for loss in losses if low <= 0 or loss <= MAX_LOSS_RATIO * low)


def _loss_axes(figure: Any, key: str, curves: Sequence[Curve]) -> Any:
    losses = [loss for curve in curves for loss in curve.values()]
    low, high = min(losses), highest_shown(losses)
    axes, margin = figure.subplots(), 0.05 * (high - low) or 0.1
    axes.set_ylim(low - margin, high + margin)
    axes.set(xlabel="step", ylabel=f"{plain_label(key)} (nats)")
    axes.grid(alpha=0.3)
    return axes


def _add_legend(axes: Any) -> None:
    axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)


def _draw_curves(comparison: Comparison, key: str, curves: Sequence[Curve]) -> bytes | None:
    """The curve of every run, in the colour of its group."""
    if max(map(len, curves), default=0) < 2:
        return None
    figure = _figure(5)
    axes = _loss_axes(figure, key, curves)
    colors = group_colors([_group(run) for run in comparison.runs])
    names = {group.hash: group.name for group in comparison.groups}
    labelled: set[str] = set()  # the groups in the legend
    for run, curve in zip(comparison.runs, curves, strict=True):
        group, label = _group(run), None
        if curve and group not in labelled and len(labelled) < MAX_LABELS:
            labelled.add(group)
            label = plain_label(names.get(group, name_without_seed(run)))
        steps = sorted(curve)
        losses = [curve[step] for step in steps]
        axes.plot(steps, losses, color=colors[group], label=label, linewidth=1.2, alpha=0.85)
    _add_legend(axes)
    return png_bytes(figure)


def _draw_seeds(comparison: Comparison, key: str, curves: Sequence[Curve]) -> bytes | None:
    """The mean of every group, in a band of one standard deviation where it has several seeds."""
    several = members(comparison.runs).values()
    counted = {id(run) for runs in several for run in one_a_seed(runs)}
    of_group: dict[str, list[Curve]] = {}
    for run, curve in zip(comparison.runs, curves, strict=True):
        if curve and (id(run) in counted or not run.group):
            of_group.setdefault(_group(run), []).append(curve)
    if max(map(len, of_group.values()), default=0) < 2:
        return None
    figure = _figure(5)
    axes = _loss_axes(figure, key, curves)
    colors = group_colors([_group(run) for run in comparison.runs])
    names = {group.hash: group.name for group in comparison.groups}
    for place, (group, alike) in enumerate(of_group.items()):
        steps, mean, spread = over_seeds(alike)
        label = f"{plain_label(names.get(group, group[:8]))} ({len(alike)})"
        axes.plot(steps, mean, color=colors[group], label=label if place < MAX_LABELS else None)
        low = [m - s for m, s in zip(mean, spread, strict=True)]
        high = [m + s for m, s in zip(mean, spread, strict=True)]
        axes.fill_between(steps, low, high, color=colors[group], alpha=0.2, linewidth=0)
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


class Axis(NamedTuple):
    """One vertical axis of parallel coordinates."""

    heights: Sequence[float]  # of the runs, in [0, 1]
    ticks: Mapping[str, float]  # text → height


def _draw_parallel(comparison: Comparison) -> bytes | None:
    """Parallel coordinates: a line a run, from its values of the swept keys to the metric."""
    runs = comparison.with_value()
    keys = [key for key in _keys(comparison.runs) if len({r.settings.get(key) for r in runs}) > 1]
    if len(runs) < 2 or not keys:
        return None
    rising = comparison.higher_is_better
    axes = [settings_axis([run.settings.get(key, "—") for run in runs]) for key in keys]
    axes.append(metric_axis([comparison.value(run) for run in runs], rising))
    figure = _figure(4.5)
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

    for heights in reversed(list(zip(*(axis.heights for axis in axes), strict=True))):
        shade = 1 - heights[-1] if rising else heights[-1]
        color = colormaps["viridis"](0.95 * shade)
        drawing.plot(range(len(axes)), heights, color=color, linewidth=1.6, alpha=0.8)


def _draw_axis(drawing: Any, place: int, axis: Axis) -> None:
    drawing.axvline(place, color="0.3", linewidth=0.8)
    for text, height in axis.ticks.items():
        drawing.annotate(
            plain_label(text),
            (place, height),
            xytext=(4, 2),
            fontsize="small",
            textcoords="offset points",
            bbox={"color": "white", "alpha": 0.7, "pad": 0.5},
        )


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
