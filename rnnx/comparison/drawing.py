"""What all figures of a comparison share: sizes, colours, labels and how far an axis goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnnx.comparison.runs import ComparedRun
from rnnx.system.text import printable

MAX_LABELS = 10  # curves that a legend names; as many have colours that are easy to tell apart
MAX_LABEL_LENGTH = 60  # characters
MAX_LOSS_RATIO = 10  # losses beyond so many times the lowest leave the figure at its top


def new_figure(height: float) -> Any:
    """An empty figure, ten inches wide."""
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


def color_key(run: ComparedRun) -> str:
    """What runs of one colour share: their group, else each is alone."""
    return run.group or run.run_id


def highest_shown(losses: Sequence[float]) -> float:
    """The highest loss that a figure has room for: a run that diverges hides no other."""
    low = min(losses)
    return max(loss for loss in losses if low <= 0 or loss <= MAX_LOSS_RATIO * low)
