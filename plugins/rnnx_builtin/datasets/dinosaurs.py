"""1,318 genus names of dinosaurs, which come with rnnx: the data of a first run.

Each name is an example, as in the data set `lines`. With a ``length`` all names are one text, read
in windows of that many steps, as in the data set `text`. The notebook has 1,536 such names in a
file, which `dataset=lines` reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files

from rnnx.contracts.ranges import require, require_share
from rnnx.data.corpus import Corpus
from rnnx_builtin.datasets.lines import corpus_of_lines
from rnnx_builtin.datasets.text import corpus_of_text
from rnnx_builtin.datasets.text_file import read_text


@dataclass(frozen=True)
class Dinosaurs:
    """Names of dinosaurs, each an example, or all one text."""

    lower: bool = True
    """Turn the names to lower case, as the notebook does."""
    val_fraction: float = 0.1
    """The fraction of names that is held out, drawn at random. 0 ≤ fraction < 1; 0: none."""
    split_seed: int = 0
    """The seed that draws the held-out names, whatever the run's own seed. At least 0."""
    length: int = 0
    """T, the number of steps of a window, where all names are one text; its tail is then held out.
    0: each name is an example. At least 0."""

    def __post_init__(self) -> None:
        require_share("val_fraction", self.val_fraction)
        require(self.split_seed >= 0, "split_seed", "at least 0", self.split_seed)
        require(self.length >= 0, "length", "at least 0", self.length)

    def load(self, seed: int) -> Corpus:
        with as_file(files(__package__) / "dinosaurs.txt") as path:
            text = read_text(str(path), self.lower, lines=True)
        if self.length:
            return corpus_of_text(text, self.length, self.val_fraction)
        return corpus_of_lines(text, self.val_fraction, seed)
