"""Tables for stdout: drawn on a terminal, tab-separated in a pipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from rnnx.system.text import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PADDING = 2  # blanks of a column


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
    expendable: Sequence[str] = (),
) -> None:
    """Print ``rows`` of cells, one cell a column.

    ``optional`` names the columns that a terminal too narrow for all of them does without, in the
    order in which they are left out; ``expendable`` those that one does without where not even the
    words of the heads fit. A terminal gets no empty column, a pipe gets every one.
    """
    columns = [Column(printable(c.name), printable(c.title), c.is_number) for c in columns]
    rows = [[printable(cell) for cell in cells] for cells in rows]
    optional = [printable(name) for name in optional]
    if console.is_terminal:
        drawn = _fitting(columns, rows, optional, console.width)
        drawn = _with_whole_heads(columns, drawn, expendable, console.width)
        # Not what the console does with lines: a table whose lines do not end is cut.
        console.print(_draw(drawn, columns, rows, console.width), soft_wrap=False)
        return
    head = [[column.name for column in columns]] if head_in_pipe else []
    for cells in [*head, *rows]:
        print("\t".join(cells))


def _fitting(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], optional: Sequence[str], width: int
) -> list[int]:
    """The places of the columns that are drawn: of those with a cell that is not empty."""
    from rich.cells import cell_len  # of a terminal: a Chinese character takes two

    heads = [column.head for column in columns]
    widths = [max(map(cell_len, cells)) + PADDING for cells in zip(heads, *rows, strict=True)]
    drawn = [i for i in range(len(columns)) if not rows or any(cells[i] for cells in rows)]
    for name in optional:
        if sum(widths[place] for place in drawn) <= width:
            break
        drawn = [place for place in drawn if columns[place].name != name]
    return drawn


def _with_whole_heads(
    columns: Sequence[Column], drawn: list[int], expendable: Sequence[str], width: int
) -> list[int]:
    """The places ``drawn`` without those of expendable columns that make heads break in words."""
    for name in expendable:
        if sum(_longest_word([columns[place].head]) + PADDING for place in drawn) <= width:
            break
        drawn = [place for place in drawn if columns[place].name != name]
    return drawn


def _longest_word(texts: Sequence[str]) -> int:
    from rich.cells import cell_len

    return max((cell_len(word) for text in texts for word in text.split()), default=1)


def _widths(texts: Sequence[Sequence[str]], width: int) -> list[int]:
    """The widths of columns with these texts, so that all of them fit into ``width``.

    The widest column becomes narrower first: lines break between words while that is enough, then
    within words of the cells, and at last within those of the heads, which come first in ``texts``.
    """
    from rich.cells import cell_len

    words, heads = [*map(_longest_word, texts)], [_longest_word(column[:1]) for column in texts]
    widths = [max(map(cell_len, column)) for column in texts]
    for least in (words, heads, [1] * len(texts)):
        while sum(widths) + PADDING * len(widths) > width:
            places = [i for i, now in enumerate(widths) if now > least[i]]
            if not places:
                break
            widths[max(places, key=lambda i: widths[i])] -= 1
    return widths


def _draw(
    drawn: list[int], columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int
) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None)
    texts = [[columns[place].head, *(cells[place] for cells in rows)] for place in drawn]
    for place, wide in zip(drawn, _widths(texts, width), strict=True):
        column = columns[place]
        table.add_column(
            Text(column.head),
            justify="right" if column.is_number else "left",
            overflow="fold",
            width=wide,
        )
    for cells in rows:
        # Text, because Rich would read [brackets] in a string as markup.
        table.add_row(*(Text(cells[place]) for place in drawn))
    return table
