"""Any UTF-8 file, one example a line.

    x⟨1⟩ = 0,   x⟨t+1⟩ = y⟨t⟩,   y = the line's characters and the newline

The vocabulary is the sorted characters of the whole file, the newline among them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.ranges import require, require_share
from rnnx.data.corpus import Corpus, Examples, split_examples
from rnnx.data.vocabulary import Vocabulary
from rnnx.system.files import expanded
from rnnx_builtin.datasets.text_file import TextFile, read_text

CHUNK_SIZE = 1 << 24  # ids that are searched at once


@dataclass(frozen=True)
class Lines:
    """The lines of a file; each is an example between a zero vector and its newline."""

    path: str = ""
    """The file; ~ is your home folder."""
    lower: bool = False
    """Turn the text to lower case."""
    val_fraction: float = 0.1
    """The fraction of lines that is held out, drawn at random. 0 ≤ fraction < 1; 0: none."""
    split_seed: int = 0
    """The seed that draws the held-out lines, whatever the run's own seed. At least 0."""
    strip: bool = False
    """Take the blanks off both ends of each line; lines of blanks alone are left out."""
    normalize: bool = False
    """Compose letters and accents (Unicode's NFC): é is one symbol, however it was typed."""

    def __post_init__(self) -> None:
        require_share("val_fraction", self.val_fraction)
        require(self.split_seed >= 0, "split_seed", "at least 0", self.split_seed)

    def load(self, seed: int) -> Corpus:
        text = read_text(self.path, self.lower, True, self.strip, self.normalize)
        corpus = corpus_of_lines(text, self.val_fraction, seed)
        return replace(corpus, source=str(expanded(self.path).resolve()))


def corpus_of_lines(text: TextFile, val_fraction: float, seed: int) -> Corpus:
    """The corpus of a text whose lines all end in a newline and are not blank."""
    vocabulary = Vocabulary(text.symbols, end="\n")
    ends = _places(text.ids, vocabulary.ids["\n"]) + 1
    starts = np.concatenate([[0], ends[:-1]])
    examples = Examples(text.ids, starts, ends - starts)
    train, val = split_examples(examples, val_fraction, seed)
    return Corpus(vocabulary, train, val, text.sha256, text.notes)


def _places(ids: Array, wanted: int) -> Array:
    """The places of ``wanted``, searched in chunks: comparing 1 GB at once takes 1 GB more."""
    found = [
        np.flatnonzero(ids[start : start + CHUNK_SIZE] == wanted) + start
        for start in range(0, len(ids), CHUNK_SIZE)
    ]
    return np.concatenate(found)
