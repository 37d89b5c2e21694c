"""samples.csv: every text that a run drew, a row each.

``step`` is the update after which it was drawn, ``final`` is ``true`` for what is drawn once more
when training has ended, ``text`` is the sample. Files of earlier versions have no ``final`` and the
word "final" in place of the step.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from rnnx.system.files import replacing
from rnnx.system.text import csv_text, from_csv, long_csv_fields

NAME = "samples.csv"
HEADER = ("step", "final", "text")
EARLIER_HEADER = ("step", "text")
MAX_DIGITS = 19  # of a step, which fits into int64


class Round(NamedTuple):
    """The texts that were drawn at one time."""

    step: int | None  # None for the end of a run of an earlier version, which tells no step
    is_final: bool  # drawn once more when training had ended
    texts: list[str]


class _Row(NamedTuple):
    step: int | None  # None for the end of a run of an earlier version, which tells no step
    is_final: bool
    cell: str  # the text as it stands in the file


def append(path: Path, step: int, texts: Sequence[str], is_final: bool = False) -> None:
    """Append the samples of one round."""
    with path.open("a", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        if file.tell() == 0:
            rows.writerow(HEADER)
        rows.writerows((step, str(is_final).lower(), csv_text(text)) for text in texts)


def rewind(path: Path, step: int) -> None:
    """Drop what is drawn again after ``step``, the samples of an end included."""
    if not path.is_file():
        return
    kept = [r for r in _rows(path) if r.step is not None and r.step <= step and not r.is_final]
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        rows = [(row.step, "false", row.cell) for row in kept]
        csv.writer(file).writerows([HEADER, *rows] if rows else [])


def rounds(path: Path) -> list[Round]:
    """All rounds, in the order in which they were drawn; none where the file is missing or damaged.

    A text that a kill tore is left out.
    """
    if not path.is_file():
        return []
    try:
        groups = groupby(_rows(path), lambda row: row[:2])
        return [
            Round(step, is_final, [from_csv(row.cell) for row in rows])
            for (step, is_final), rows in groups
        ]
    except (OSError, csv.Error):
        return []


def _rows(path: Path) -> Iterator[_Row]:
    """The rows that no kill tore."""
    with long_csv_fields(), path.open(encoding="utf-8", errors="replace", newline="") as file:
        table = csv.reader(file)
        header = tuple(next(table, ()))
        for cells in table if header in (HEADER, EARLIER_HEADER) else ():
            if len(cells) == len(header):
                step, *final, text = cells
                row = _Row(_step(step), "true" in final or step == "final", text)
                if row.step is not None or row.is_final:
                    yield row


def _step(cell: str) -> int | None:
    return int(cell) if cell.isdecimal() and len(cell) <= MAX_DIGITS else None
