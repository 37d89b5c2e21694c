"""The loss curve as a picture."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from rnnx.contracts.trackers import Point

CURVES = {
    "train/loss": "training",
    "train/smooth_loss": "training, smoothed",
    "val/loss": "held out",
}


def draw_curve(history: Mapping[str, Sequence[Point]], path: Path) -> Path | None:
    """Draw training and held-out loss by step; None where no curve has two points to join."""
    shown = {key: history[key] for key in CURVES if history.get(key)}
    if max(map(len, shown.values()), default=0) < 2:
        return None
    _draw(shown, history.get("grad/norm", ()), path)
    return path


def warm() -> None:
    """Do what a process's first picture would wait for: imports, fonts."""
    some = [Point("train/loss", value, step, 0) for step, value in enumerate((1.0, 20.0))]
    _draw({"train/loss": some}, some, io.BytesIO())


def _draw(
    shown: Mapping[str, Sequence[Point]], norms: Sequence[Point], path: Path | BinaryIO
) -> None:
    from matplotlib.figure import Figure  # not pyplot: no global state, no window

    figure = Figure(figsize=(7, 5.5))
    figure.subplots_adjust(left=0.13, right=0.97, bottom=0.1, top=0.97, hspace=0.08)
    upper, lower = figure.subplots(2, sharex=True, height_ratios=[3, 1])
    upper.set_ylabel("loss (nats)")
    for key, points in shown.items():
        alpha = 0.3 if key == "train/loss" else 1.0
        marker = "." if key == "val/loss" else ""
        upper.plot(*_finite(points), label=CURVES[key], marker=marker, alpha=alpha)
    if shown:
        upper.legend()
    lower.set(xlabel="step", ylabel="gradient's norm\nbefore clipping")
    steps, values = _finite(norms)
    lower.plot(steps, values, linewidth=0.8)
    _logarithmic(lower, values)
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120, format="png", pil_kwargs={"compress_level": 3})


def _logarithmic(axes: Any, values: Sequence[float]) -> None:
    """A logarithmic scale with few ticks, plain numbers: each costs time, and there is no room."""
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
    known = [point for point in points if math.isfinite(point.value)]
    return [point.step for point in known], [point.value for point in known]
