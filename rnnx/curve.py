"""The loss curve as a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from rnnx.records import Point

CURVES = {
    "train/loss": "training",
    "train/smooth_loss": "training, smoothed",
    "val/loss": "held out",
}


def draw_curve(history: Mapping[str, Sequence[Point]], path: Path) -> Path | None:
    """Draw training and held-out loss by step; None where there is nothing to draw."""
    shown = {key: history[key] for key in CURVES if history.get(key)}
    if not shown:
        return None
    from matplotlib.figure import Figure  # not pyplot: no global state, no window

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="step", ylabel="loss (nats)")
    for key, points in shown.items():
        known = [point for point in points if math.isfinite(point.value)]
        alpha = 0.3 if key == "train/loss" else 1.0
        marker = "." if key == "val/loss" else ""
        steps, values = [p.step for p in known], [p.value for p in known]
        axes.plot(steps, values, label=CURVES[key], marker=marker, alpha=alpha)
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)
    return path
