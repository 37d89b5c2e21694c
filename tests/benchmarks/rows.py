"""The rows of the table, and rnnx's step for each."""

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

import rnnx

CELLS = ("vanilla", "lstm", "gru")
BLOCKS = {"vanilla": 1, "lstm": 4, "gru": 3}  # of n_a rows in the recurrent weights
Step = Callable[[], float]
FOLDER = tempfile.TemporaryDirectory(prefix="rnnx-bench-")  # gone with the process


class Row(NamedTuple):
    """n_y symbols, n_a units, B columns, T steps."""

    n_y: int
    n_a: int
    B: int
    T: int

    def __str__(self) -> str:
        return ", ".join(map(str, self))


ROWS = (
    Row(27, 50, 1, 12),
    Row(27, 50, 32, 12),
    Row(65, 128, 32, 64),
    Row(65, 256, 32, 64),
    Row(65, 512, 64, 64),
    Row(65, 1024, 64, 32),
)


@functools.cache
def text_of(n_y: int) -> str:
    """A file of random text over n_y symbols: what is learned does not change the time."""
    rng, symbols = np.random.default_rng(0), [chr(48 + i) for i in range(n_y)]
    path = Path(FOLDER.name) / f"{n_y}.txt"
    path.write_text("".join(symbols) + "".join(rng.choice(symbols, 200_000)), "utf-8")
    return str(path)


def ours(cell: str, row: Row, *more: str) -> Step:
    """One update of a session with the row's sizes; ``more`` overrides."""
    sizes = [f"cell={cell}", f"cell.hidden_size={row.n_a}", f"batch_size={row.B}"]
    data = ["dataset=text", f"dataset.path={text_of(row.n_y)}", f"dataset.length={row.T}"]
    rest = ["optimizer=sgd", "clipper=value", "tracker=none", "steps=1000000", "seed=0"]
    return rnnx.build([*sizes, *data, *rest, *more]).step
