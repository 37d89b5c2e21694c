"""samples.csv: every text that a run drew, a row each (:mod:`rnnx.runs.rounds_file`)."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from rnnx.runs import rounds_file

NAME = "samples.csv"
COLUMNS = ("text",)


class Round(NamedTuple):
    """The texts that were drawn at one time."""

    step: int | None  # None for the end of a run of an earlier version, which tells no step
    is_final: bool  # drawn once more when training had ended
    texts: list[str]


def append(path: Path, step: int, texts: Sequence[str], is_final: bool = False) -> None:
    """Append the samples of one round."""
    rounds_file.append(path, COLUMNS, step, [(text,) for text in texts], is_final)


def rewind(path: Path, step: int) -> None:
    """Drop what is drawn again after ``step``, the samples of an end included."""
    rounds_file.rewind(path, COLUMNS, step)


def rounds(path: Path) -> list[Round]:
    """All rounds, in the order in which they were drawn; none where the file is missing or damaged.

    A text that a kill tore is left out.
    """
    if not path.is_file():
        return []
    try:
        groups = groupby(rounds_file.read(path, COLUMNS), lambda row: row[:2])
        return [
            Round(step, is_final, [row.cells[0] for row in rows])
            for (step, is_final), rows in groups
        ]
    except (OSError, csv.Error):
        return []
