"""The pictures of a comparison: curves, means over seeds, parallel coordinates; each a PNG."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from rnnx.comparison.compare import Comparison, Entry, mean_and_spread, more_is_better, seedless
from rnnx.runs.metrics_file import read_history

CURVES = ("val/loss", "train/smooth_loss", "train/loss")  # the first that all have
NAMED = 10  # curves that a legend has room for
WIDE = 60  # characters of a name in a picture
FAR = 10  # times the lowest loss: what is beyond leaves the picture at its top

Curve = Mapping[int, float]  # step → loss


def draw(found: Comparison) -> dict[str, bytes]:
    """Picture name → PNG; what there is nothing to draw of is left out."""
    key, curves = _curves(found)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a symbol that the font lacks is drawn as a box
        drawn = {
            "curves": _draw_curves(found, key, curves),
            "seeds": _draw_seeds(found, key, curves),
            "parallel": _draw_parallel(found),
        }
    return {name: png for name, png in drawn.items() if png is not None}


def _curves(found: Comparison) -> tuple[str, list[Curve]]:
    """The metric that is drawn, and each entry's curve of it; empty where it has none."""
    histories = [read_history(e.folder.metrics) if e.folder else {} for e in found.entries]
    ran = [history for history in histories if history]
    key = next((key for key in CURVES if ran and all(key in one for one in ran)), CURVES[-1])
    return key, [
        {p.step: p.value for p in history.get(key, ()) if math.isfinite(p.value)}
        for history in histories
    ]


def _figure(height: float) -> Any:
    from matplotlib.figure import Figure  # not pyplot: no global state, no window

    return Figure(figsize=(10, height), layout="constrained")


def _png(figure: Any) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=120)
    return file.getvalue()


def _colors(keys: Sequence[str]) -> dict[str, Any]:
    """A colour a group: distinct ones while they last, then a range from the best to the worst."""
    from matplotlib import colormaps

    several = list(dict.fromkeys(keys))
    if len(several) <= NAMED:
        return {key: colormaps["tab10"](place) for place, key in enumerate(several)}
    steps = len(several) - 1
    return {key: colormaps["viridis"](place / steps) for place, key in enumerate(several)}


def _plain(text: str) -> str:
    """A text that is drawn as it is: no mathematics, no line breaks, no hidden label."""
    text = " ".join(text.split())
    text = text if len(text) <= WIDE else f"{text[: WIDE - 1]}…"
    return " " * text.startswith("_") + text.replace("$", r"\$")


def _group(entry: Entry) -> str:
    return entry.group or entry.run_id


def top(losses: Sequence[float]) -> float:
    """The highest loss that a picture has room for: one run that diverges hides no other."""
    low = min(losses)
    return max(loss for loss in losses if low <= 0 or loss <= FAR * low)


def _axes(figure: Any, key: str, curves: Sequence[Curve]) -> Any:
    losses = [loss for curve in curves for loss in curve.values()]
    low, high = min(losses), top(losses)
    axes, air = figure.subplots(), 0.05 * (high - low) or 0.1
    axes.set_ylim(low - air, high + air)
    axes.set(xlabel="step", ylabel=f"{key} (nats)")
    axes.grid(alpha=0.3)
    return axes


def _legend(axes: Any) -> None:
    axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False)


def _draw_curves(found: Comparison, key: str, curves: Sequence[Curve]) -> bytes | None:
    if max(map(len, curves), default=0) < 2:
        return None
    figure = _figure(5)
    axes, colors = _axes(figure, key, curves), _colors([_group(entry) for entry in found.entries])
    seen: set[str] = set()
    for entry, curve in zip(found.entries, curves, strict=True):
        group = _group(entry)
        is_named = group not in seen and len(seen) < NAMED and bool(curve)
        label = _plain(seedless(entry)) if is_named else None
        if curve:
            seen.add(group)
        axes.plot(*_line(curve), color=colors[group], label=label, linewidth=1.2, alpha=0.85)
    _legend(axes)
    return _png(figure)


def _line(curve: Curve) -> tuple[list[int], list[float]]:
    steps = sorted(curve)
    return steps, [curve[step] for step in steps]


def _draw_seeds(found: Comparison, key: str, curves: Sequence[Curve]) -> bytes | None:
    """A mean a group, a band of one standard deviation around it where seeds are several."""
    members: dict[str, list[Curve]] = {}
    for entry, curve in zip(found.entries, curves, strict=True):
        if curve:
            members.setdefault(_group(entry), []).append(curve)
    if max(map(len, members.values()), default=0) < 2:
        return None
    figure = _figure(5)
    axes, colors = _axes(figure, key, curves), _colors([_group(entry) for entry in found.entries])
    names = {group.hash: group.name for group in found.groups}
    for place, (group, alike) in enumerate(members.items()):
        steps, mean, spread = over_seeds(alike)
        name = f"{_plain(names.get(group, group[:8]))} ({len(alike)})"
        axes.plot(steps, mean, color=colors[group], label=name if place < NAMED else None)
        low = [m - s for m, s in zip(mean, spread, strict=True)]
        high = [m + s for m, s in zip(mean, spread, strict=True)]
        axes.fill_between(steps, low, high, color=colors[group], alpha=0.2, linewidth=0)
    _legend(axes)
    return _png(figure)


def over_seeds(curves: Sequence[Curve]) -> tuple[list[int], list[float], list[float]]:
    """Steps, means and sample standard deviations where at least two curves (or the one) are."""
    enough = min(2, len(curves))
    values = {
        step: found
        for step in sorted({step for curve in curves for step in curve})
        if len(found := [curve[step] for curve in curves if step in curve]) >= enough
    }
    both = [mean_and_spread(found) for found in values.values()]
    mean, spread = [pair[0] for pair in both], [pair[1] if enough > 1 else 0.0 for pair in both]
    return list(values), mean, spread


def _draw_parallel(found: Comparison) -> bytes | None:
    """A line a run, from its values of the swept keys to the metric; the best drawn last."""
    from matplotlib import colormaps

    entries = found.with_value()
    keys = [key for key in _keys(found.entries) if len({e.settings.get(key) for e in entries}) > 1]
    if len(entries) < 2 or not keys:
        return None
    scales = [axis([entry.settings.get(key, "—") for entry in entries]) for key in keys]
    losses = [found.value(entry) for entry in entries]
    low, high = min(losses), max(losses) if more_is_better(found.metric) else top(losses)
    last = [min((loss - low) / ((high - low) or 1), 1.0) for loss in losses]
    figure = _figure(4.5)
    axes = figure.subplots()
    for place in reversed(range(len(entries))):
        heights = [*(heights[place] for heights, _ in scales), last[place]]
        shade = 1 - last[place] if more_is_better(found.metric) else last[place]
        color = colormaps["viridis"](0.95 * shade)
        axes.plot(range(len(heights)), heights, color=color, linewidth=1.6, alpha=0.8)
    marks = {f"{low + part * (high - low):.4g}": part for part in (0, 0.25, 0.5, 0.75, 1)}
    if max(losses) > high:
        marks = {(f"{text} and more" if part == 1 else text): part for text, part in marks.items()}
    for place, ticks in enumerate([*(ticks for _, ticks in scales), marks]):
        axes.axvline(place, color="0.3", linewidth=0.8)
        for text, height in ticks.items():
            axes.annotate(
                _plain(text),
                (place, height),
                xytext=(4, 2),
                fontsize="small",
                textcoords="offset points",
                bbox={"color": "white", "alpha": 0.7, "pad": 0.5},
            )
    axes.set_xticks(range(len(keys) + 1), [*map(_plain, keys), found.metric])
    axes.set(yticks=[], xlim=(-0.1, len(keys) + 0.35), ylim=(-0.05, 1.08))
    axes.set_frame_on(False)
    return _png(figure)


def _keys(entries: Sequence[Entry]) -> list[str]:
    return list(dict.fromkeys(key for entry in entries for key in entry.settings))


def axis(values: Sequence[str]) -> tuple[list[float], dict[str, float]]:
    """Heights in [0, 1] of values, and of the marks: by number where all are, else in a row.

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
        places = {text: (n - low) / ((high - low) or 1) for text, n in numbers.items()}
    else:
        places = {text: i / max(len(several) - 1, 1) for i, text in enumerate(sorted(several))}
    return [places[text] for text in values], places
