"""Tables for stdout: drawn on a terminal, tab-separated in a pipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from rnnx.system.text import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


class Column(NamedTuple):
    """One column of a table."""

    name: str  # its head in a pipe
    title: str = ""  # its head on a terminal; the name if empty
    is_number: bool = False  # aligned to the right

    @property
    def head(self) -> str:
        """The head on a terminal."""
        return self.title or self.name


def print_table(
    console: Console,
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    optional: Sequence[str] = (),
    head_in_pipe: bool = False,
) -> None:
    """Print ``rows`` of cells, one cell a column.

    ``optional`` names the columns that a terminal too narrow for all of them does without, in the
    order in which they are left out. A pipe gets every column.
    """
    columns = [Column(printable(c.name), printable(c.title), c.is_number) for c in columns]
    rows = [[printable(cell) for cell in cells] for cells in rows]
    optional = [printable(name) for name in optional]
    if console.is_terminal:
        console.print(_draw(_fitting(columns, rows, optional, console.width), columns, rows))
        return
    head = [[column.name for column in columns]] if head_in_pipe else []
    for cells in [*head, *rows]:
        print("\t".join(cells))


def _fitting(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], optional: Sequence[str], width: int
) -> list[int]:
    """The places of the columns that are drawn."""
    heads = [column.head for column in columns]
    widths = [max(map(len, cells)) + 2 for cells in zip(heads, *rows, strict=True)]
    drawn = list(range(len(columns)))
    for name in optional:
        if sum(widths[place] for place in drawn) <= width:
            break
        drawn = [place for place in drawn if columns[place].name != name]
    return drawn


def _draw(drawn: list[int], columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None)
    for column in (columns[place] for place in drawn):
        table.add_column(
            Text(column.head), justify="right" if column.is_number else "left", overflow="fold"
        )
    for cells in rows:
        # Text, because Rich would read [brackets] in a string as markup.
        table.add_row(*(Text(cells[place]) for place in drawn))
    return table
