"""The word problem of a group: the product of all elements so far, at every step.

    y⟨t⟩ = x⟨1⟩ · x⟨2⟩ · … · x⟨t⟩

    s3       6 permutations of three things
    z60      the numbers modulo 60: abelian
    a4_z5    A4 × Z5, 60 elements: not abelian, but solvable
    a5       the 60 even permutations of five things: not solvable

From Merrill, Petty and Sabharwal 2024 ("The Illusion of State"): A5 is beyond a fixed number of
layers whose recurrence is linear and diagonal, and within one layer of any nonlinear network. An
element is written as where it moves things to. Lengths count elements.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cache

import numpy as np

from rnnx.arrays import Array
from rnnx.data.corpus import Corpus
from rnnx.data.sequences import Sequences
from rnnx.data.targets import classes
from rnnx.data.yardsticks import Criterion
from rnnx_tasks.endless import check_task, endless_corpus
from rnnx_tasks.lengths import Lengths, flat
from rnnx_tasks.levels import guessed

Permutation = tuple[int, ...]


class Name(Enum):
    """A group."""

    s3 = "s3"
    z60 = "z60"
    a4_z5 = "a4_z5"
    a5 = "a5"


# By name: permutations that make the whole group. Cycles of 4, 3 and 5 things side by side are Z60.
GENERATORS: dict[Name, tuple[Permutation, ...]] = {
    Name.s3: ((1, 0, 2), (1, 2, 0)),
    Name.z60: ((1, 2, 3, 0, 5, 6, 4, 8, 9, 10, 11, 7),),
    Name.a4_z5: (
        (1, 2, 0, 3, 4, 5, 6, 7, 8),
        (1, 0, 3, 2, 4, 5, 6, 7, 8),
        (0, 1, 2, 3, 5, 6, 7, 8, 4),
    ),
    Name.a5: ((1, 2, 0, 3, 4), (0, 1, 3, 4, 2)),
}


@dataclass(frozen=True)
class Group:
    """The product so far of elements of a group."""

    group: Name = Name.s3
    """Which group: s3, z60, a4_z5 or a5."""
    lengths: Lengths = Lengths(20, 2)
    """Elements of a word, at least 1."""
    held_out: int = 1000
    """The number of words that are held out. At least 1."""
    split_seed: int = 0
    """The seed that draws the held-out words, whatever the run's own seed. At least 0."""

    def __post_init__(self) -> None:
        check_task(self)

    def load(self, seed: int) -> Corpus:
        names = tuple("".join("0123456789ab"[k] for k in one) for one in elements(self.group))
        criterion = Criterion("sequence_accuracy", 0.99, 1)
        own = classes(names), names, (), guessed(len(names)), criterion
        return endless_corpus(self, seed, self._draw, *own)

    def _draw(self, rng: np.random.Generator, sizes: Array) -> Sequences:
        table = products(self.group)
        words = rng.integers(0, len(table), (len(sizes), int(sizes.max())))
        y = words.copy()
        for t in range(1, words.shape[1]):
            y[:, t] = table[y[:, t - 1], words[:, t]]
        return Sequences(sizes, flat(y, sizes), flat(words, sizes), sizes=sizes)


@cache
def elements(group: Name) -> tuple[Permutation, ...]:
    """All elements, sorted: the identity is the first."""
    found = {tuple(range(len(GENERATORS[group][0])))}
    new = found
    while new:
        new = {_times(a, b) for a in new for b in GENERATORS[group]} - found
        found = found | new
    return tuple(sorted(found))


@cache
def products(group: Name) -> Array:
    """(order, order) of ids: row · column, the row's permutation first."""
    everything = elements(group)
    places = {one: k for k, one in enumerate(everything)}
    table = np.array([[places[_times(a, b)] for b in everything] for a in everything])
    table.flags.writeable = False  # it is shared by all
    return table


def _times(a: Permutation, b: Permutation) -> Permutation:
    """First a, then b."""
    return tuple(b[k] for k in a)
