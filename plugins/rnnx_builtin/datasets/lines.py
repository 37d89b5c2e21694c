"""Any UTF-8 file, one example a line.

    x⟨1⟩ = 0,   x⟨t+1⟩ = y⟨t⟩,   y = the line's characters and the newline

The vocabulary is the sorted characters of the whole file, the newline among them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.ranges import require_share
from rnnx.data.corpus import Corpus, Examples, split_examples
from rnnx.data.vocabulary import Vocabulary
from rnnx_builtin.datasets.text_file import TextFile, read_text

PIECE = 1 << 24  # ids looked through at once


@dataclass(frozen=True)
class Lines:
    """The lines of a file, each begun by the zero vector and ended by its newline."""

    path: str = ""
    """The file; ~ is your home folder."""
    lower: bool = False
    """Turn the text to lower case."""
    val_fraction: float = 0.1
    """The share of lines that is held out, drawn by the seed. 0 ≤ share < 1; 0: none."""

    def __post_init__(self) -> None:
        require_share("val_fraction", self.val_fraction)

    def load(self, seed: int) -> Corpus:
        text = read_text(self.path, self.lower, lines=True)
        return corpus_of_lines(text, self.val_fraction, seed)


def corpus_of_lines(text: TextFile, val_fraction: float, seed: int) -> Corpus:
    """The corpus of a text of closed lines without blank ones."""
    vocabulary = Vocabulary(text.symbols, end="\n")
    ends = _places(text.ids, vocabulary.ids["\n"]) + 1
    starts = np.concatenate([[0], ends[:-1]])
    examples = Examples(text.ids, starts, ends - starts)
    train, val = split_examples(examples, val_fraction, seed)
    return Corpus(vocabulary, train, val, text.sha256)


def _places(ids: Array, wanted: int) -> Array:
    """Where ``wanted`` stands, found piece by piece: the comparison of 1 GB would be 1 GB."""
    found = [
        np.flatnonzero(ids[start : start + PIECE] == wanted) + start
        for start in range(0, len(ids), PIECE)
    ]
    return np.concatenate(found)
