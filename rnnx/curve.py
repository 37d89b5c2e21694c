"""The loss curve as a picture."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from rnnx.records import Point

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
    _draw({}, (), io.BytesIO())


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
    lower.set(xlabel="step", ylabel="gradient's norm\nbefore clipping", yscale="log")
    lower.plot(*_finite(norms), linewidth=0.8)
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120, format="png")


def _finite(points: Sequence[Point]) -> tuple[list[int], list[float]]:
    known = [point for point in points if math.isfinite(point.value)]
    return [point.step for point in known], [point.value for point in known]
