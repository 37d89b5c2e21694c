"""``rnnx samples``: texts side by side in a terminal, or a row a text in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rnnx.comparison.compare import compare
from rnnx.comparison.readings import Readings
from rnnx.comparison.texts import SURPRISES, Column, Piece, ShownText, side_by_side
from rnnx.models.load import find_model
from rnnx.system.table import Column as TableColumn
from rnnx.system.table import print_table
from rnnx.system.text import printable
from rnnx.training.report import console

if TYPE_CHECKING:
    from rich.text import Text

STYLES = ("", "cyan", "yellow", "red", "bold white on red")  # one a level of surprise
CHANGES = {"added": "underline", "removed": "strike bright_black"}
MARKS = {"added": ("{+", "+}"), "removed": ("[-", "-]"), "": ("", "")}  # where there are no colours
LEAST_WIDTH, GAP = 30, 2  # of a column, and between two, in columns of the terminal
EMPTY = "∅"
IN_PIPE = ("run", "step", "final", "text", "nats", "copied", "copy")


def print_samples(
    names: Sequence[str], step: int | None, diff: bool, under: str | None, limit: int
) -> None:
    """Print the samples of the runs that ``names`` mean."""
    comparison = compare(names)
    model = None if under is None else find_model(under)
    shown = side_by_side(comparison, Readings(model), step, diff, limit)
    out = console(soft_wrap=False)
    for note in map(printable, shown.notes):
        if out.is_terminal:
            out.print(f"note: {note}")
        else:  # a program reads the rows
            print(f"rnnx: {note}", file=sys.stderr)
    if not out.is_terminal:
        rows = [row for column in shown.columns for row in _rows(column)]
        print_table(out, [TableColumn(name) for name in IN_PIPE], rows, head_in_pipe=True)
        return
    in_colors = bool(out.color_system) and not out.no_color
    _print_blocks(out, shown.columns, in_colors)
    if in_colors and any(text.nats is not None for c in shown.columns for text in c.texts):
        out.print(_legend(shown.columns, under))


def _rows(column: Column) -> list[list[str]]:
    step = "" if column.step is None else str(column.step)
    final = str(column.is_final).lower()
    return [
        [
            column.run_id[:8],
            step,
            final,
            _marked(text.pieces) if any(piece.change for piece in text.pieces) else text.whole,
            "" if text.nats is None else f"{text.nats:.4f}",
            "" if text.copy is None else f"{text.copy.share:.4f}",
            "" if text.copy is None else text.copy.text,
        ]
        for text in column.texts
    ]


def _marked(pieces: Sequence[Piece]) -> str:
    """A text with marks around its differences, as `git diff --word-diff` has them."""
    marked = ""
    for change, alike in groupby(pieces, lambda piece: piece.change):
        before, after = MARKS[change]
        marked += before + "".join(piece.text for piece in alike) + after
    return marked


def _print_blocks(out: Any, columns: Sequence[Column], in_colors: bool) -> None:
    """As many columns beside one another as the terminal has room for, then the others below."""
    from rich.table import Table
    from rich.text import Text

    several = len({column.run_id for column in columns}) > 1
    for column in columns[:1] if not several else ():
        out.print(printable(f"{column.run_id[:8]}: {column.run}"))
    at_once = max(1, min((out.width + GAP) // (LEAST_WIDTH + GAP), len(columns)))
    for start in range(0, len(columns), at_once):
        block = columns[start : start + at_once]
        table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False)
        width = (out.width + GAP) // len(block) - GAP
        for column in block:
            head = f"{column.run}\n{column.run_id[:8]}, {column.when}" if several else column.when
            table.add_column(Text(printable(head, "\n")), overflow="fold", width=width)
        for place in range(max(len(column.texts) for column in block)):
            table.add_row(*(_cell(column.texts[place : place + 1], in_colors) for column in block))
        out.print(table, soft_wrap=False)


def _cell(texts: Sequence[ShownText], in_colors: bool) -> Text:
    """A text and what was measured of it; empty where a column has fewer."""
    from rich.text import Text

    cell = Text()
    for text in texts:
        if not in_colors:
            cell.append(printable(_marked(text.pieces), "\n"))
        for piece in text.pieces if in_colors else ():
            style = f"{STYLES[piece.level or 0]} {CHANGES.get(piece.change, '')}"
            cell.append(printable(piece.text, "\n"), style.strip())
        if not text.pieces:
            cell.append(EMPTY)
        if told := measures(text):
            cell.append(f"\n  {printable(told)}", "bright_black" if in_colors else "")
        cell.append("\n")
    return cell


def measures(text: ShownText) -> str:
    """The mean surprise of a text and its longest copy, in words."""
    told = [] if text.nats is None else [f"{text.nats:.2f} nats"]
    if text.copy is not None and text.copy.length:
        told.append(f"{text.copy.share:.0%} copied: {text.copy.text}")
    return " · ".join(told)


def _legend(columns: Sequence[Column], under: str | None) -> Text:
    from rich.text import Text

    legend = Text("nats a symbol: ")
    bounds = [f"< {SURPRISES[0]:g}", *(f"≥ {bound:g}" for bound in SURPRISES)]
    for bound, style in zip(bounds, STYLES, strict=True):
        legend.append(bound, style).append("  ")
    return legend.append(printable(f"({measured_under(columns, under)})"))


def measured_under(columns: Sequence[Column], under: str | None = None) -> str:
    """Whose surprise it is."""
    if under is not None:
        return f"under the model of {under}"
    later = [c for c in columns if c.measured_at is not None and c.measured_at != c.step]
    if not later:
        return "under the model that wrote the text"
    steps = sorted({column.measured_at for column in later if column.measured_at is not None})
    which = ", ".join(map(str, steps))
    return f"under the model that wrote the text, or where it is kept no more that of step {which}"
