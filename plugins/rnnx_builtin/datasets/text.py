"""Any UTF-8 file as one sequence, read in B parallel columns.

    x = ids⟨0 … n−2⟩,   y = ids⟨1 … n−1⟩

Each column is a contiguous part of the text, cut into windows of ``length`` steps; the final
state of a window is the initial state of the next (truncated backpropagation through time).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from rnnx.contracts.ranges import require, require_share
from rnnx.data.corpus import Corpus, Stream, split_stream
from rnnx.data.vocabulary import Vocabulary
from rnnx.system.files import expanded
from rnnx_builtin.datasets.text_file import TextFile, read_text


@dataclass(frozen=True)
class Text:
    """A text as one sequence, whose tail is held out."""

    path: str = ""
    """The file; ~ is your home folder."""
    length: int = 64
    """T, the number of steps of a window, at least 1."""
    lower: bool = False
    """Turn the text to lower case."""
    val_fraction: float = 0.1
    """The fraction of the text, its tail, that is held out. 0 ≤ fraction < 1; 0: none."""
    normalize: bool = False
    """Compose letters and accents (Unicode's NFC): é is one symbol, however it was typed."""

    def __post_init__(self) -> None:
        require(self.length >= 1, "length", "at least 1", self.length)
        require_share("val_fraction", self.val_fraction)

    def load(self, seed: int) -> Corpus:
        text = read_text(self.path, self.lower, lines=False, normalize=self.normalize)
        corpus = corpus_of_text(text, self.length, self.val_fraction)
        return replace(corpus, source=str(expanded(self.path).resolve()))


def corpus_of_text(text: TextFile, length: int, val_fraction: float) -> Corpus:
    """The corpus of a text in windows of ``length`` steps, its tail held out."""
    train, val = split_stream(Stream(text.ids, length), val_fraction)
    return Corpus(Vocabulary(text.symbols), train, val, text.sha256, text.notes)
