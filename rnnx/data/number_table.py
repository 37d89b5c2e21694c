"""The columns of a CSV file as numbers, in memory as 8 bytes each.

NumPy's reader takes a table without quotation marks, at some millions of cells a second. Where it
finds a fault, the rows are read once more one by one, which says the line and the column.
"""

from __future__ import annotations

import csv
import math
from array import array
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from rnnx.arrays import Array
from rnnx.data.named_file import NamedFile
from rnnx.data.table_file import columns_of, csv_rows, delimiter_of, place_of, quoted
from rnnx.errors import DataError


class NumberTable(NamedTuple):
    """The columns that were asked for."""

    names: tuple[str, ...]
    values: Array  # (rows, columns) of float64, all finite


class Head(NamedTuple):
    """What the first line of a table says."""

    names: list[str]  # of its columns
    is_line: bool  # whether the names stand there; else they are 1, 2, 3 …
    delimiter: str


def head_of(file: NamedFile) -> Head:
    """The names of a table's columns; DataError for an empty file, and for a name that is twice."""
    first = next((line for line in file.lines() if line.strip()), "")
    if not first:
        raise DataError(f"{file.name}: is empty; give a table with numbers in its columns")
    delimiter = delimiter_of(first)
    cells = next(csv.reader([first], delimiter=delimiter))
    if all(_number(cell) is not None for cell in cells):
        return Head([str(place) for place in range(1, len(cells) + 1)], False, delimiter)
    return Head(columns_of(file, cells), True, delimiter)


class _Faulty(Exception):
    """NumPy's reader cannot take this table; the other one says why, or takes it."""


def read_numbers(file: NamedFile, wanted: Sequence[tuple[str, str]] | None = None) -> NumberTable:
    """The columns ``wanted``, (name, the key under which the user gave it), or all of them.

    A first row of numbers alone is data: its columns are called 1, 2, 3 … DataError for a cell that
    is no finite number, with its line and column.
    """
    names, has_head, delimiter = head_of(file)
    chosen = names if wanted is None else [name for name, _ in wanted]
    places = (
        list(range(len(names)))
        if wanted is None
        else [place_of(file, names, name, key) for name, key in wanted]
    )
    try:
        values = _fast(file, delimiter, len(names), places, has_head)
    except _Faulty:
        values = _careful(file, names, places, has_head)
    if not len(values):
        raise DataError(f"{file.name}: has a header and no rows; give rows of numbers below it")
    return NumberTable(tuple(chosen), values)


def _fast(file: NamedFile, delimiter: str, width: int, places: list[int], has_head: bool) -> Array:
    """The numbers, read by NumPy; _Faulty for a table that it cannot take."""

    def plain() -> Iterator[str]:
        lines = (line for line in file.lines() if line.strip())
        if has_head:
            next(lines)
        for line in lines:
            if '"' in line or line.count(delimiter) != width - 1:
                raise _Faulty
            yield line

    lines = plain()
    first = next(lines, None)
    if first is None:
        return np.empty((0, len(places)))
    try:
        values = np.loadtxt(
            chain([first], lines), delimiter=delimiter, usecols=places, ndmin=2, comments=None
        )
    except ValueError:
        raise _Faulty from None
    if not np.isfinite(values).all():
        raise _Faulty
    return values


def _careful(file: NamedFile, names: Sequence[str], places: list[int], has_head: bool) -> Array:
    """The numbers, row by row; DataError for the first cell that is none."""
    rows, numbers = csv_rows(file), array("d")
    if has_head:
        next(rows)
    for row in rows:
        for place in places:
            number = _number(row.cells[place])
            if number is None or not math.isfinite(number):
                cell = row.cells[place].strip()
                what = "is empty" if not cell else f"is {quoted(cell)}"
                raise DataError(
                    f"{file.name}, line {row.line}: column {quoted(names[place])} {what}; "
                    f"expected a finite number{_advice(cell)}"
                )
            numbers.append(number)
    return np.frombuffer(numbers, np.float64).reshape(-1, len(places))


def _advice(cell: str) -> str:
    if "," in cell and _number(cell.replace(",", ".")) is not None:
        return " with a point and no comma"
    if not cell or cell.lower() in ("nan", "na", "null", "none", "?"):
        return "; leave out rows with gaps, or fill them"
    return ""


def _number(cell: str) -> float | None:
    """The number in a cell; None where there is none. Unlike Python's, it has no underscores."""
    try:
        return None if "_" in cell else float(cell)
    except ValueError:
        return None
