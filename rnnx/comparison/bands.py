"""Distributions by step: quantiles that a probe measured, drawn as bands around their median.

Metrics of one distribution share a name, and end in their quantile: ``…/q10``, ``…/q90``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rnnx.contracts.trackers import Point
from rnnx.system.png import drawing, plain_texts, png_bytes
from rnnx.system.text import printable

COLUMNS, PANEL = 3, (3.3, 2.1)  # panels in a row; the size of one, in inches
MOST = 30  # distributions of a figure

Quantiles = Mapping[int, Mapping[int, float]]  # per cent → step → value


def quantile_of(key: str) -> tuple[str, int] | None:
    """The distribution of which a metric is a quantile, and which one, in per cent."""
    parsed = re.fullmatch(r"(.+)/q(\d{1,2})", key)
    return (parsed[1], int(parsed[2])) if parsed else None


def distributions(history: Mapping[str, Sequence[Point]]) -> dict[str, Quantiles]:
    """The distributions of a run by their names, as far as they have at least two quantiles."""
    found: dict[str, dict[int, dict[int, float]]] = {}
    for key, points in history.items():
        if parsed := quantile_of(key):
            values = {point.step: point.value for point in points if math.isfinite(point.value)}
            found.setdefault(parsed[0], {})[parsed[1]] = values
    return {name: of for name, of in sorted(found.items()) if len(of) > 1}


@drawing()
def draw_bands(history: Mapping[str, Sequence[Point]]) -> bytes | None:
    """A panel a distribution, as a PNG; None where no distribution has two steps."""
    several = {
        name: quantiles
        for name, quantiles in distributions(history).items()
        if max(map(len, quantiles.values())) > 1
    }
    if not several:
        return None
    from matplotlib.figure import Figure  # not pyplot: no global state, no window

    shown = dict(list(several.items())[:MOST])
    rows = -(-len(shown) // COLUMNS)
    with plain_texts():
        figure = Figure(figsize=(COLUMNS * PANEL[0], rows * PANEL[1]), layout="constrained")
        panels = list(figure.subplots(rows, COLUMNS, squeeze=False, sharex=True).flat)
        for panel, (name, quantiles) in zip(panels, shown.items(), strict=False):
            _draw(panel, name, quantiles)
        for panel in panels[len(shown) :]:
            panel.set_axis_off()
        for panel in panels[max(len(shown) - COLUMNS, 0) : len(shown)]:  # with nothing below
            panel.tick_params(labelbottom=True)
        return png_bytes(figure)


def _draw(panel: Any, name: str, quantiles: Quantiles) -> None:
    """Nested bands, from each quantile below the median to the one as far above it."""
    for low in sorted(of for of in quantiles if of < 50 and 100 - of in quantiles):
        below, above = quantiles[low], quantiles[100 - low]
        steps = sorted(below.keys() & above.keys())
        ends = [below[step] for step in steps], [above[step] for step in steps]
        panel.fill_between(steps, *ends, color="C0", alpha=0.25, linewidth=0)
    for of, values in quantiles.items():
        if of == 50 or 100 - of not in quantiles:
            steps = sorted(values)
            panel.plot(steps, [values[step] for step in steps], color="C0", linewidth=1.3)
    panel.set_title(printable(name.partition("/")[2] or name), fontsize="small")
    panel.tick_params(labelsize="x-small")
    panel.grid(alpha=0.3)
