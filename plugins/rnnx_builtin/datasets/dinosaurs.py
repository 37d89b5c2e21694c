"""1,318 genus names of dinosaurs, which come with rnnx: the data of a first run.

The notebook has 1,536 such names in a file, which `dataset=lines` reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files

from rnnx.contracts.ranges import require, require_share
from rnnx.data.corpus import Corpus
from rnnx_builtin.datasets.lines import corpus_of_lines
from rnnx_builtin.datasets.text_file import read_text


@dataclass(frozen=True)
class Dinosaurs:
    """Names of dinosaurs; each is an example."""

    lower: bool = True
    """Turn the names to lower case, as the notebook does."""
    val_fraction: float = 0.1
    """The fraction of names that is held out, drawn at random. 0 ≤ fraction < 1; 0: none."""
    split_seed: int = 0
    """The seed that draws the held-out names, whatever the run's own seed. At least 0."""

    def __post_init__(self) -> None:
        require_share("val_fraction", self.val_fraction)
        require(self.split_seed >= 0, "split_seed", "at least 0", self.split_seed)

    def load(self, seed: int) -> Corpus:
        with as_file(files(__package__) / "dinosaurs.txt") as path:
            text = read_text(str(path), self.lower, lines=True)
        return corpus_of_lines(text, self.val_fraction, seed)
