"""What all figures of a comparison share: sizes, colours, labels and how far an axis goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from rnnx.comparison.runs import ComparedRun
from rnnx.system.text import printable

MAX_LABELS = 10  # curves that a legend names; as many have colours that are easy to tell apart
MAX_LABEL_LENGTH = 60  # characters
COLUMNS = 1000  # of a figure, in each of which a curve needs four points to look as it is
MAX_LOSS_RATIO = 10  # losses beyond so many times the lowest leave the figure at its top

Line: TypeAlias = Sequence[tuple[float, float]]  # its points: x, y


def new_figure(height: float) -> Any:
    """An empty figure, ten inches wide."""
    from matplotlib.figure import Figure  # not pyplot: no global state, no window

    return Figure(figsize=(10, height), layout="constrained")


def group_colors(groups: Sequence[str]) -> dict[str, Any]:
    """A colour a group: distinct ones while they last, then a range from the best to the worst."""
    from matplotlib import colormaps

    several = list(dict.fromkeys(groups))
    if len(several) <= MAX_LABELS:
        distinct = colormaps["tab10"]
        return {group: distinct(place) for place, group in enumerate(several)}
    by_rank, last = colormaps["viridis"], len(several) - 1
    return {group: by_rank(place / last) for place, group in enumerate(several)}


def plain_label(text: str) -> str:
    """The text as Matplotlib draws it to the letter: no formulas, no line breaks, not hidden."""
    text = printable(" ".join(text.split()))
    if len(text) > MAX_LABEL_LENGTH:
        text = f"{text[: MAX_LABEL_LENGTH - 1]}…"
    return " " * text.startswith("_") + text.replace("$", r"\$")


def color_key(run: ComparedRun) -> str:
    """What runs of one colour share: their group, else each is alone."""
    return run.group or run.run_id


def highest_shown(losses: Sequence[float]) -> float:
    """The highest loss that a figure has room for: a run that diverges hides no other."""
    low = min(losses)
    return max(loss for loss in losses if low <= 0 or loss <= MAX_LOSS_RATIO * low)


def add_lines(axes: Any, lines: Sequence[tuple[Line, Any]], linewidth: float, alpha: float) -> None:
    """Many lines, each with its colour, drawn in their order as one artist of Matplotlib's.

    With an artist for each, a thousand runs take seconds.
    """
    from matplotlib.collections import LineCollection

    several = [(line, color) for line, color in lines if line]
    collection = LineCollection(
        [line for line, _ in several],
        colors=[color for _, color in several],
        linewidths=linewidth,
        alpha=alpha,
        capstyle="projecting",  # as those of a single line
        zorder=2,  # likewise
    )
    axes.add_collection(collection)
    axes.autoscale_view()


def add_bands(axes: Any, bands: Sequence[tuple[Line, Line, Any]]) -> None:
    """Bands from a lower line to an upper one, each in its colour, as one artist."""
    from matplotlib.collections import PolyCollection

    several = [([*low, *reversed(high)], color) for low, high, color in bands if low]
    collection = PolyCollection(
        [outline for outline, _ in several],
        facecolors=[color for _, color in several],
        alpha=0.2,
        linewidth=0,
    )
    axes.add_collection(collection)


def add_legend(axes: Any, labels: Sequence[tuple[str, Any]]) -> None:
    """A legend beside the axes: labels, each with the colour of its line."""
    from matplotlib.lines import Line2D

    lines = [Line2D([], [], color=color, label=plain_label(label)) for label, color in labels]
    place = {"loc": "upper left", "bbox_to_anchor": (1.01, 1)}
    axes.legend(handles=lines, fontsize="small", frameon=False, **place)


def thinned(line: Line) -> Line:
    """A line of very many points without those that a figure has no room for.

    Of each of COLUMNS parts the first point, the lowest, the highest and the last one stay.
    """
    if len(line) <= 4 * COLUMNS:
        return line
    kept: list[tuple[float, float]] = []
    for column in range(COLUMNS):
        start, end = (len(line) * k // COLUMNS for k in (column, column + 1))
        heights = [line[place][1] for place in range(start, end)]
        low, high = (start + heights.index(found(heights)) for found in (min, max))
        kept += [line[place] for place in sorted({start, low, high, end - 1})]
    return kept
