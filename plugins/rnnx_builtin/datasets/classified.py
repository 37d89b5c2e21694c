"""Texts with a label each: a file of ``text TAB label`` lines, or two columns of a CSV file.

    x = the text's characters or words,   y = the label, one for the whole text

The vocabulary is the sorted symbols of the whole file, the classes are its sorted labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rnnx.contracts.ranges import require, require_share
from rnnx.data.corpus import Corpus
from rnnx.data.named_file import NamedFile, named_file
from rnnx.data.sequences import Sequences
from rnnx.data.table_file import read_columns
from rnnx.data.targets import classes
from rnnx.errors import DataError
from rnnx_builtin.datasets.holding_out import split_sequences
from rnnx_builtin.datasets.texts import Unit, ids_of, symbols_of, vocabulary_of


@dataclass(frozen=True)
class Classified:
    """Texts with a label each."""

    path: str = ""
    """The file; ~ is your home folder. A name that ends in .csv is a table with a header; in any
    other file a line is a text, a tab and its label."""
    text: str = "text"
    """The column of a CSV file that has the texts."""
    label: str = "label"
    """The column of a CSV file that has the labels."""
    unit: Unit = Unit.character
    """What one symbol is: character, or word (what stands between blanks)."""
    lower: bool = False
    """Turn the texts to lower case; labels stay."""
    val_fraction: float = 0.1
    """The fraction of each label's texts that is held out, drawn at random. 0 ≤ fraction < 1; 0:
    none."""
    split_seed: int = 0
    """The seed that draws the held-out texts, whatever the run's own seed. At least 0."""

    def __post_init__(self) -> None:
        require_share("val_fraction", self.val_fraction)
        require(self.split_seed >= 0, "split_seed", "at least 0", self.split_seed)
        require(self.text != self.label, "label", "another column than text", self.label)

    def load(self, seed: int) -> Corpus:
        file = named_file(self.path, "dataset.path")
        texts, labels = [], []
        for line, text, label in self._pairs(file):
            symbols = symbols_of(text.lower() if self.lower else text, self.unit)
            if not symbols or not label:
                what = "text" if not symbols else "label"
                raise DataError(f"{file.name}, line {line}: its {what} is empty; {_EXPECTED}")
            texts.append(symbols)
            labels.append(label)
        names = sorted(set(labels))
        if len(names) < 2:
            what = f"all {len(labels)} texts have the label {names[0]!r}" if names else "is empty"
            raise DataError(f"{file.name}: {what}; give texts of two labels or more")
        vocabulary = vocabulary_of(texts, self.unit, file.name)
        ids, lengths = ids_of(texts, vocabulary)
        places = {name: place for place, name in enumerate(names)}
        y = np.array([places[label] for label in labels])
        whole = Sequences(lengths, y, ids, per_sequence=True)
        train, val = split_sequences(whole, self.val_fraction, seed, strata=y)
        return Corpus(
            vocabulary,
            train,
            val,
            file.sha256(),
            source=file.source,
            targets=classes(names, per_sequence=True),
        )

    def texts(self, file: NamedFile) -> Iterator[str]:
        """The texts of new data: the column of a CSV file, else the lines up to a tab."""
        for _, text, _ in self._pairs(file, has_labels=False):
            yield text.lower() if self.lower else text

    def _pairs(self, file: NamedFile, has_labels: bool = True) -> Iterator[tuple[int, str, str]]:
        """Line, text and label of each row."""
        if file.suffix == ".csv":
            yield from self._csv_pairs(file, has_labels)
            return
        for number, line in enumerate(file.lines(), 1):
            text, *labels = line.rstrip("\n").split("\t")
            if not line.strip() or (number == 1 and [text, *labels] == [self.text, self.label]):
                continue
            if has_labels and len(labels) != 1:
                raise DataError(f"{file.name}, line {number}: has {len(labels)} tabs; {_EXPECTED}")
            yield number, text, labels[0].strip() if labels else ""

    def _csv_pairs(self, file: NamedFile, has_labels: bool) -> Iterator[tuple[int, str, str]]:
        wanted = [(self.text, "dataset.text")]
        if has_labels:
            wanted.append((self.label, "dataset.label"))
        for row in read_columns(file, wanted):
            text, *labels = row.cells
            yield row.line, text, labels[0].strip() if labels else ""


_EXPECTED = "expected a text, a tab and its label, or a .csv file with a header"
