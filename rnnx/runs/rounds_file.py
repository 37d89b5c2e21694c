"""A CSV file of what a run showed at its sampling rounds, a row each, which grows round by round.

Its first columns are ``step``, the update after which a row was made, and ``final``, ``true`` for
what is made once more when training has ended. Cells that a spreadsheet would compute begin with an
apostrophe.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rnnx.system.files import replacing
from rnnx.system.text import csv_text, from_csv, long_csv_fields

WHEN = ("step", "final")
MAX_DIGITS = 19  # of a step, which fits into int64


class Row(NamedTuple):
    """One row, after its first columns."""

    step: int | None  # None for the end of a run of an earlier version, which tells no step
    is_final: bool
    cells: tuple[str, ...]


def append(
    path: Path, columns: Sequence[str], step: int, rows: Iterable[Sequence[str]], is_final: bool
) -> None:
    """Append the rows of one round; a new file gets a header first."""
    with path.open("a", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        if file.tell() == 0:
            table.writerow([*WHEN, *columns])
        table.writerows(_line(Row(step, is_final, tuple(cells))) for cells in rows)


def rewind(path: Path, columns: Sequence[str], step: int) -> None:
    """Drop what is made again after ``step``, the rows of an end included."""
    if not path.is_file():
        return
    found = read(path, columns)
    kept = [r for r in found if r.step is not None and r.step <= step and not r.is_final]
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        header = [[*WHEN, *columns]] if kept else []
        csv.writer(file).writerows([*header, *map(_line, kept)])


def read(path: Path, columns: Sequence[str]) -> Iterator[Row]:
    """The rows of a file with these columns that no kill tore; none for one with other columns.

    Files of earlier versions have no ``final`` and the word "final" in place of the step.
    """
    headers = ([*WHEN, *columns], [WHEN[0], *columns])
    with long_csv_fields(), path.open(encoding="utf-8", errors="replace", newline="") as file:
        table = csv.reader(file)
        header = next(table, [])
        for cells in table if header in headers else ():
            if len(cells) == len(header):
                when, own = cells[: -len(columns)], cells[-len(columns) :]
                row = Row(_step(when[0]), when[-1] in ("true", "final"), tuple(map(from_csv, own)))
                if row.step is not None or row.is_final:
                    yield row


def table(path: Path) -> tuple[list[str], list[list[str]]]:
    """All columns and the rows that no kill tore, as they were written."""
    with long_csv_fields(), path.open(encoding="utf-8", errors="replace", newline="") as file:
        columns, *rows = list(csv.reader(file)) or [[]]
    return columns, [[from_csv(cell) for cell in row] for row in rows if len(row) == len(columns)]


def _line(row: Row) -> list[object]:
    return [row.step, str(row.is_final).lower(), *map(csv_text, row.cells)]


def _step(cell: str) -> int | None:
    return int(cell) if cell.isdecimal() and len(cell) <= MAX_DIGITS else None
