"""The samples on a page: those of the runs side by side, and those of the best run by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rnnx.comparison.compare import Comparison
from rnnx.comparison.readings import Readings
from rnnx.comparison.samples_printing import measured_under, measures
from rnnx.comparison.texts import SURPRISES, Piece, SideBySide, side_by_side

MOST_STEPS = 8  # of one run that are next to each other


class _Text(NamedTuple):
    pieces: Sequence[Piece]
    measures: str


class _Column(NamedTuple):
    title: str
    about: str
    texts: Sequence[_Text]


class Section(NamedTuple):
    """One row of columns."""

    place: str  # its anchor
    title: str
    lines: Sequence[str]  # below the title
    columns: Sequence[_Column]


def surprise_bounds() -> list[str]:
    """The legend of the colours of surprise."""
    return [f"below {SURPRISES[0]:g}", *(f"from {bound:g}" for bound in SURPRISES)]


def text_sections(comparison: Comparison) -> list[Section]:
    """The last samples of the runs, and all of the best run; none where nothing was drawn."""
    readings, sections = Readings(), []
    of_all = side_by_side(comparison, readings)
    if len(comparison.runs) > 1 and of_all.columns:
        sections.append(_section("samples", "The last samples of the runs", of_all))
    best = next(
        (run for run in comparison.runs if run.folder and run.folder.samples.is_file()), None
    )
    if best is not None:
        alone = comparison._replace(runs=[best])
        by_step = side_by_side(alone, readings, diff=True, most_steps=MOST_STEPS)
        if len(by_step.columns) > 1 or not sections:
            title = f"{best.name}: its samples by step, with what differs from the step before"
            sections.append(_section("steps", title, by_step))
    return [section for section in sections if section.columns]


def _section(place: str, title: str, side: SideBySide) -> Section:
    is_measured = any(text.nats is not None for column in side.columns for text in column.texts)
    under = [f"Surprise {measured_under(side.columns)}."] * is_measured
    several = len({column.run_id for column in side.columns}) > 1
    columns = [
        _Column(
            column.run if several else column.when,
            f"{column.run_id[:8]}, {column.when}" if several else "",
            [_Text(text.pieces, measures(text)) for text in column.texts],
        )
        for column in side.columns
    ]
    return Section(place, title, [*under, *side.notes], columns)
