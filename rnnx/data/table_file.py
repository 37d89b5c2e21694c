"""The rows of a table that a user wrote: CSV with a header, or columns between tabs.

Every row comes with the number of its line, for an error that says where.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rnnx.data.named_file import NamedFile
from rnnx.errors import DataError
from rnnx.system.suggestion import did_you_mean
from rnnx.system.text import long_csv_fields

DELIMITERS = ",;\t"
SHOWN = 40  # characters of a cell in an error


class Row(NamedTuple):
    """One row of a table."""

    line: int  # the number of its last line, from 1
    cells: list[str]


def quoted(text: str) -> str:
    """A cell of a file as an error shows it: short, and in one line."""
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "…")


def delimiter_of(head: str) -> str:
    """What stands between the cells of a table with this first line: a comma, else ; or a tab."""
    return max(DELIMITERS, key=head.count)


def csv_rows(file: NamedFile) -> Iterator[Row]:
    """The rows of a CSV file, the head included; blank lines are left out.

    Cells stand between commas, semicolons or tabs, whichever the first line has most of. DataError
    for a quotation mark without its partner, and for a row that is longer or shorter than the
    first.
    """
    lines = file.lines()
    first = next(lines, "")
    reader = csv.reader(_chained(first, lines), delimiter=delimiter_of(first), strict=True)
    expected = 0
    with long_csv_fields():
        try:
            for cells in reader:
                if not any(cell.strip() for cell in cells) and len(cells) < max(expected, 2):
                    continue
                expected = expected or len(cells)
                if len(cells) != expected:
                    raise DataError(
                        f"{file.name}, line {reader.line_num}: has {len(cells)} columns; expected "
                        f"{expected}, as in the first row"
                    )
                yield Row(reader.line_num, cells)
        except csv.Error as error:
            raise DataError(
                f"{file.name}, line {reader.line_num}: is no row of CSV ({error}); put a cell with "
                'quotation marks in quotation marks and double its own: "say ""a"""'
            ) from None


def _chained(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def read_columns(file: NamedFile, wanted: Sequence[tuple[str, str]]) -> Iterator[Row]:
    """The columns ``wanted``, (name, the key under which the user gave it), of a table with a head.

    DataError for an empty file, a name that the head has twice or not at all, and a row of another
    length than the head's.
    """
    rows = csv_rows(file)
    head = next(rows, None)
    if head is None:
        raise DataError(f"{file.name}: is empty; give a header and rows below it")
    names = columns_of(file, head.cells)
    places = [place_of(file, names, name, key) for name, key in wanted]
    for row in rows:
        yield Row(row.line, [row.cells[place] for place in places])


def columns_of(file: NamedFile, head: Sequence[str]) -> list[str]:
    """The names of a header without blanks around; a column without one is called by its number.

    DataError for a name that stands there twice.
    """
    names = [name.strip() or str(place) for place, name in enumerate(head, 1)]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise DataError(
                f"{file.name}, line 1: the header names {quoted(name)} twice, columns "
                f"{names.index(name) + 1} and {place + 1}; give each column a name of its own"
            )
    return names


def place_of(file: NamedFile, names: Sequence[str], wanted: str, key: str) -> int:
    """The place of a column, whose name the user gives as ``key``; DataError if there is none."""
    if wanted in names:
        return names.index(wanted)
    raise DataError(
        f"{file.name}: has no column {quoted(wanted)}; {key} is one of "
        f"{', '.join(names[:20])}{' …' if len(names) > 20 else ''}{did_you_mean(wanted, names)}"
    )
