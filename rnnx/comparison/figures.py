"""All figures of a comparison, as PNG."""

from __future__ import annotations

from typing import NamedTuple

from rnnx.comparison.compare import Comparison
from rnnx.comparison.curves import draw_curves, draw_seeds, loss_curves
from rnnx.comparison.finals import draw_finals
from rnnx.comparison.parallel import draw_parallel
from rnnx.system.png import drawing, plain_texts


class Figure(NamedTuple):
    """A picture, and the metric that it shows."""

    png: bytes
    metric: str


def draw_figures(comparison: Comparison) -> dict[str, Figure]:
    """Every figure that has something to show, by its name.

    Where runs are on several data, each has its own: ``curves_1``, ``curves_2``.
    """
    parts = comparison.by_data()
    with drawing(), plain_texts():  # losses so large that Matplotlib's sums overflow are drawn, too
        return {
            name + suffix: Figure(png, metric)
            for part, suffix in zip(parts, suffixes(len(parts)), strict=True)
            for name, (png, metric) in _draw(part).items()
            if png is not None
        }


def suffixes(count: int) -> list[str]:
    """What follows the names of the figures of so many data."""
    return [f"_{place}" for place in range(1, count + 1)] if count > 1 else [""]


def _draw(comparison: Comparison) -> dict[str, tuple[bytes | None, str]]:
    key, curves = loss_curves(comparison)
    if len({run.loss_unit for run in comparison.runs if run.folder}) > 1:
        curves = [{} for _ in curves]  # losses in different units share no axis
    return {
        "curves": (draw_curves(comparison, key, curves), key),
        "seeds": (draw_seeds(comparison, key, curves), key),
        "finals": (draw_finals(comparison), comparison.metric),
        "parallel": (draw_parallel(comparison), comparison.metric),
    }
