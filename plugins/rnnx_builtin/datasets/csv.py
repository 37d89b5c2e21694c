"""A series of numbers: the rows of a CSV file in their order of time.

    x⟨t⟩ = the input columns of row t,   y⟨t⟩ = the target columns of row t + ahead

The last rows are held out. Every number is standardized with the mean and the standard deviation
of its column in the training part; a checkpoint keeps both, and a prediction is in the column's
own unit again.

The training part is read in windows of ``length`` rows, one from each row on. In the held-out part
the first half of a window is context whose targets do not count, so that each held-out row is
predicted once, with at least half a window before it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.ranges import require, require_share
from rnnx.data.corpus import Corpus
from rnnx.data.named_file import NamedFile, named_file
from rnnx.data.number_table import read_numbers
from rnnx.data.sequences import Sequences
from rnnx.data.targets import values
from rnnx.data.vocabulary import Vocabulary
from rnnx.errors import DataError
from rnnx_builtin.datasets.standardizing import quantities_of, standardized

MOST_WINDOWS = 100_000
BETWEEN = "+"  # what stands between the names of columns


@dataclass(frozen=True)
class Csv:
    """Columns of numbers as a series in time."""

    path: str = ""
    """The file; ~ is your home folder. A comma, a semicolon or a tab stands between columns."""
    inputs: str = ""
    """The columns to read, with + between their names: temperature+wind. Empty: all columns, with
    ahead=0 all but the targets. A file without a header has the columns 1, 2, 3 …"""
    targets: str = ""
    """The columns to predict, in the same way. Empty: the inputs."""
    ahead: int = 1
    """How many rows after the last one that was read the predicted row is. At least 0; with 0 a
    target stands in the row that was read last and must be no input."""
    length: int = 64
    """T, the rows of a window, at least 2."""
    val_fraction: float = 0.1
    """The fraction of the rows, the last ones, that is held out. 0 ≤ fraction < 1; 0: none."""

    def __post_init__(self) -> None:
        require(self.ahead >= 0, "ahead", "at least 0", self.ahead)
        require(self.length >= 2, "length", "at least 2", self.length)
        require_share("val_fraction", self.val_fraction)

    def load(self, seed: int) -> Corpus:
        file = named_file(self.path, "dataset.path")
        table, inputs, targets = self._columns(file)
        rows = len(table)
        held_out = max(1, int(rows * self.val_fraction)) if self.val_fraction else 0
        known = rows - held_out  # rows to train on
        if known - self.ahead < 2:
            raise DataError(
                f"{file.name}: has {rows} rows, of which {known} are to train on; predicting "
                f"{self.ahead} rows ahead takes {self.ahead + 2} of them; give more rows"
            )
        features = quantities_of(inputs, table[:known, : len(inputs)])
        predicted = quantities_of(targets, table[:known, len(inputs) :])
        notes = [
            f"column {one.name!r} never changes in the training part; it tells nothing"
            for one, column in zip([*features, *predicted], table[:known].T, strict=True)
            if column.min() == column.max()
        ]
        table = standardized(table, [*features, *predicted])
        x, y = table[:, : len(inputs)], table[:, len(inputs) :]
        x, y = x[: rows - self.ahead], y[self.ahead :]  # row t and row t + ahead
        return Corpus(
            Vocabulary(()),
            self._windows(x[: known - self.ahead], y[: known - self.ahead]),
            self._held_out(x, y, known - self.ahead) if held_out else None,
            file.sha256(),
            tuple(dict.fromkeys(notes)),
            source=file.source,
            targets=values(predicted),
            features=tuple(features),
        )

    def _columns(self, file: NamedFile) -> tuple[Array, list[str], list[str]]:
        """The inputs' columns and beside them the targets', and the names of both."""
        if not self.inputs:
            whole = read_numbers(file)
            left = self._names(self.targets, "targets") if self.targets and not self.ahead else []
            places = [k for k, name in enumerate(whole.names) if name not in left]
            inputs, numbers = [whole.names[k] for k in places], whole.values[:, places]
        else:
            inputs = self._names(self.inputs, "inputs")
            numbers = read_numbers(file, [(name, "dataset.inputs") for name in inputs]).values
        targets = self._names(self.targets, "targets") if self.targets else inputs
        if self.ahead == 0 and (both := sorted({*inputs} & {*targets})):
            raise DataError(
                f"dataset.ahead=0: column {both[0]!r} is an input and a target, which then stands "
                "in the input; predict ahead, or name other columns in dataset.inputs and "
                "dataset.targets"
            )
        known = {name: numbers[:, place] for place, name in enumerate(inputs)}
        if set(targets) - set(inputs):
            wanted = [(name, "dataset.targets") for name in targets]
            others = read_numbers(file, wanted).values
            known |= {name: others[:, place] for place, name in enumerate(targets)}
        return np.stack([known[name] for name in [*inputs, *targets]], axis=1), inputs, targets

    def _names(self, text: str, field: str) -> list[str]:
        names = [name.strip() for name in text.split(BETWEEN)]
        if len(set(names)) != len(names) or not all(names):
            raise DataError(
                f"dataset.{field}={text}: expected names of columns, each once, with + between them"
            )
        return names

    def _windows(self, x: Array, y: Array) -> Sequences:
        """A window from each row on, or of a long series from MOST_WINDOWS rows on."""
        length = min(self.length, len(x))
        last = len(x) - length
        starts = np.arange(0, last + 1, last // MOST_WINDOWS + 1)
        return Sequences(np.full(len(starts), length), y, features=x, starts=starts)

    def _held_out(self, x: Array, y: Array, first: int) -> Sequences:
        """The targets from ``first`` on, each once; in every window context comes before them."""
        context = min(self.length // 2, first)
        step = self.length - context
        counted = np.arange(first, len(x), step)  # the first target of each window that counts
        lengths = np.minimum(counted + step, len(x)) - counted + context
        rows = np.concatenate(
            [np.arange(n) + start - context for n, start in zip(lengths, counted, strict=True)]
        )
        into = np.concatenate([np.arange(n) for n in lengths])
        weights = (into >= context).astype(np.float32)
        return Sequences(lengths, y[rows], features=x[rows], weights=weights)
