"""The notebook's data: lower-case lines, in the order of NumPy's legacy shuffle.

    np.random.seed(0);   np.random.shuffle(examples);   example j % len(examples) at step j

The order is the same in every epoch, and the hidden state is carried over from line to line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rnnx.contracts.ranges import require
from rnnx.data.corpus import Corpus, examples_of
from rnnx.data.vocabulary import Vocabulary
from rnnx_builtin.datasets.text_file import read_text

NOTEBOOK = "ad6465621cf56c08f71d4fbb40cf7eab763f9df42c54cc460d6c4d86e9c927fb"


@dataclass(frozen=True)
class LegacyLines:
    """The lines of a file, stripped and in lower case; all are trained on."""

    path: str = ""
    """The path of the notebook's dinos.txt; ~ is your home folder."""
    seed: int = 0
    """The seed of the shuffle, 0 … 2³² − 1; the run's own seed has no effect."""

    def __post_init__(self) -> None:
        require(0 <= self.seed < 2**32, "seed", "0 … 4294967295", self.seed)

    def load(self, seed: int) -> Corpus:
        text = read_text(self.path, lower=True, lines=False)
        symbols = np.array(text.symbols, object)
        lines = "".join(symbols[text.ids]).split("\n")
        if not lines[-1]:
            lines.pop()  # the last newline ends a line and begins no other
        lines = [line.strip() for line in lines]
        np.random.RandomState(self.seed).shuffle(lines)
        vocabulary = Vocabulary(tuple(sorted({*text.symbols, "\n"})), end="\n")
        train = replace(examples_of(vocabulary, lines), shuffle=False, carry=True)
        notes = () if text.sha256 == NOTEBOOK else (self._note(),)
        return Corpus(vocabulary, train, None, text.sha256, notes, capital, as_printed)

    def _note(self) -> str:
        return (
            f"dataset.path={self.path}: is not the notebook's dinos.txt, so the figures that the "
            "notebook prints do not apply"
        )


def capital(name: str) -> str:
    """A name as the notebook prints it."""
    return name[:1].upper() + name[1:]


def as_printed(step: int, smooth_loss: float, names: Sequence[str]) -> str:
    """A sampling round as the notebook prints it: j + 1, the loss in all digits, a name a line."""
    return "\n".join([f"step {step}: loss {smooth_loss}", *names, ""])
