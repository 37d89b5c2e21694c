"""predictions.csv: held-out examples, a row each, with what was predicted for them
(:mod:`rnnx.runs.rounds_file`).
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from rnnx.runs import rounds_file

NAME = "predictions.csv"
COLUMNS = ("example", "input", "target", "prediction")


class Shown(NamedTuple):
    """A held-out example as a person reads it."""

    example: str  # its number in the held-out part, from 1
    input: str
    target: str
    prediction: str


class Round(NamedTuple):
    """What was predicted at one time."""

    step: int
    is_final: bool  # made once more when training had ended
    shown: list[Shown]


def append(path: Path, step: int, shown: Sequence[Shown], is_final: bool = False) -> None:
    """Append the predictions of one round."""
    rounds_file.append(path, COLUMNS, step, shown, is_final)


def rewind(path: Path, step: int) -> None:
    """Drop what is predicted again after ``step``, the predictions of an end included."""
    rounds_file.rewind(path, COLUMNS, step)


def rounds(path: Path) -> list[Round]:
    """All rounds, in their order; none where the file is missing or damaged."""
    if not path.is_file():
        return []
    try:
        groups = groupby(rounds_file.read(path, COLUMNS), lambda row: row[:2])
        return [
            Round(step, is_final, [Shown(*row.cells) for row in rows])
            for (step, is_final), rows in groups
            if step is not None
        ]
    except (OSError, csv.Error):
        return []
