"""Missing duplicate: a string twice, one symbol of which is hidden.

    x    0 1 1 0 1 _      y    1

From Delétang et al. 2023. The hidden symbol stands half the length before or after. The length is
that of both strings together; an odd one counts as the even one below it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Array
from rnnx.data.corpus import Corpus
from rnnx.data.sequences import Sequences
from rnnx.data.targets import classes
from rnnx_tasks.endless import check_task, endless_corpus
from rnnx_tasks.lengths import Lengths, flat
from rnnx_tasks.levels import SOLVED, guessed

HIDDEN = 2


@dataclass(frozen=True)
class MissingDuplicate:
    """The hidden symbol of a string that stands there twice."""

    lengths: Lengths = Lengths(40, 2, 200, 41)
    """Symbols of both strings, at least 2."""
    held_out: int = 1000
    """The number of sequences that are held out. At least 1."""
    split_seed: int = 0
    """The seed that draws the held-out sequences, whatever the run's own seed. At least 0."""

    def __post_init__(self) -> None:
        check_task(self, 2)

    def load(self, seed: int) -> Corpus:
        targets = classes(("0", "1"), per_sequence=True)
        own = targets, ("0", "1", "_"), (), guessed(2), SOLVED
        return endless_corpus(self, seed, self._draw, *own)

    def _draw(self, rng: np.random.Generator, sizes: Array) -> Sequences:
        half, rows = sizes // 2, np.arange(len(sizes))
        strings = rng.integers(0, 2, (len(sizes), int(half.max())))
        both = np.take_along_axis(strings, np.arange(2 * strings.shape[1]) % half[:, None], axis=1)
        places = rng.integers(0, 2 * half)
        y = both[rows, places]
        both[rows, places] = HIDDEN
        return Sequences(2 * half, y, flat(both, 2 * half), per_sequence=True, sizes=sizes)
