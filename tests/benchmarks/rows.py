"""The rows of the table, and rnnx's step for each."""

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

import rnnx
from rnnx.config.compose import compose
from rnnx.training.session import Session

CELLS = ("vanilla", "lstm", "gru")
BLOCKS = {"vanilla": 1, "lstm": 4, "gru": 3}  # of n_a rows in the recurrent weights
Step = Callable[[], float]
FOLDER = tempfile.TemporaryDirectory(prefix="rnnx-bench-")  # gone with the process


class Row(NamedTuple):
    """n_y symbols, n_a units, B columns, T steps; ``both``: with a tag a step, read both ways."""

    n_y: int
    n_a: int
    B: int
    T: int
    both: bool = False

    def __str__(self) -> str:
        return ", ".join(map(str, self[:4])) + (", both" if self.both else "")


ROWS = (
    Row(27, 50, 1, 12),
    Row(27, 50, 32, 12),
    Row(65, 128, 32, 64),
    Row(65, 256, 32, 64),
    Row(65, 512, 64, 64),
    Row(65, 1024, 64, 32),
    Row(65, 128, 32, 64, both=True),
)
BOTH_CELLS = ("lstm",)  # whose row of both directions is measured


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
    if not row.both:
        return rnnx.build([*sizes, *data, *rest, *more]).step
    config = compose([*sizes, *data, *rest, "direction=both", *more])
    return Session(config, tagged(row)).step


def tagged(row: Row) -> rnnx.Corpus:
    """Random symbols with a random tag each, in sequences of one length."""
    n, names = 8 * row.B, [chr(48 + i) for i in range(row.n_y)]
    ids, y = np.random.default_rng(0).integers(0, row.n_y, (2, n * row.T))
    train = rnnx.Sequences(np.full(n, row.T), y, ids)
    sha256 = rnnx.sequences_sha256(train)
    return rnnx.Corpus(
        rnnx.Vocabulary(tuple(names)), train, None, sha256, targets=rnnx.classes(names)
    )
