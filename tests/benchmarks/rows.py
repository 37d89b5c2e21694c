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
    """n_y symbols, n_a units, B columns, T steps.

    ``both``: with a tag a step, read both ways. ``real``: the same, read forwards, with n_y real
    features a step in the symbols' place.
    """

    n_y: int
    n_a: int
    B: int
    T: int
    both: bool = False
    real: bool = False

    def __str__(self) -> str:
        kind = ", both" if self.both else ", real" if self.real else ""
        return ", ".join(map(str, self[:4])) + kind


ROWS = (
    Row(27, 50, 1, 12),
    Row(27, 50, 32, 12),
    Row(65, 128, 32, 64),
    Row(65, 256, 32, 64),
    Row(65, 512, 64, 64),
    Row(65, 1024, 64, 32),
    Row(65, 128, 32, 64, both=True),
    Row(65, 128, 32, 64, real=True),
)
PLAIN = ("dropout=0", "input_dropout=0", "averaging=0")  # as the peers compute
TAGGED_CELLS = ("lstm",)  # whose rows of both directions and of real inputs are measured


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
    if not (row.both or row.real):
        return rnnx.build([*sizes, *data, *rest, *more]).step
    way = "both" if row.both else "forward"
    config = compose([*sizes, *data, *rest, f"direction={way}", *more])
    return Session(config, tagged(row)).step


def tagged(row: Row) -> rnnx.Corpus:
    """Random symbols, or n_y random features, with a random tag a step, in equal lengths."""
    n, names = 8 * row.B, [chr(48 + i) for i in range(row.n_y)]
    rng, lengths = np.random.default_rng(0), np.full(n, row.T)
    ids, y = rng.integers(0, row.n_y, (2, n * row.T))
    if row.real:
        values = rng.normal(size=(n * row.T, row.n_y)).astype(np.float32)
        train, vocabulary = rnnx.Sequences(lengths, y, features=values), rnnx.Vocabulary(())
        inputs = [rnnx.Quantity(f"x{i}") for i in range(row.n_y)]
    else:
        train, vocabulary = rnnx.Sequences(lengths, y, ids), rnnx.Vocabulary(tuple(names))
        inputs = []
    sha256, targets = rnnx.sequences_sha256(train), rnnx.classes(names)
    return rnnx.Corpus(vocabulary, train, None, sha256, targets=targets, features=inputs)
