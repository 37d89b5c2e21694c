"""All figures of a comparison, as PNG."""

from __future__ import annotations

import warnings

from rnnx.comparison.compare import Comparison
from rnnx.comparison.curves import draw_curves, draw_seeds, loss_curves
from rnnx.comparison.finals import draw_finals
from rnnx.comparison.parallel import draw_parallel
from rnnx.system.png import plain_texts


def draw_figures(comparison: Comparison) -> dict[str, bytes]:
    """Name → PNG of every figure that has something to show.

    Where runs are on several data, each has its own: ``curves_1``, ``curves_2``.
    """
    parts = comparison.by_data()
    with warnings.catch_warnings(), plain_texts():
        warnings.simplefilter("ignore")  # of losses so large that Matplotlib's sums overflow
        return {
            name + suffix: png
            for part, suffix in zip(parts, suffixes(len(parts)), strict=True)
            for name, png in _draw(part).items()
            if png is not None
        }


def suffixes(count: int) -> list[str]:
    """What follows the names of the figures of so many data."""
    return [f"_{place}" for place in range(1, count + 1)] if count > 1 else [""]


def _draw(comparison: Comparison) -> dict[str, bytes | None]:
    key, curves = loss_curves(comparison)
    return {
        "curves": draw_curves(comparison, key, curves),
        "seeds": draw_seeds(comparison, key, curves),
        "finals": draw_finals(comparison),
        "parallel": draw_parallel(comparison),
    }
