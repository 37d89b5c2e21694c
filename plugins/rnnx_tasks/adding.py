"""The adding problem and its twin, multiplication: two marked numbers out of many.

    number  0.31  0.72  0.05  0.90      target  0.31 + 0.05 = 0.36, once the sequence has ended
    marker  1     0     1     0

Two protocols, T being the length:

arjovsky    numbers in [0, 1), T steps, one marker in each half, the target the sum. Its variance is
            1/6 (Arjovsky, Shah and Bengio 2016; Le, Jaitly and Hinton 2015).
original    numbers in [−1, 1], T to 1.1·T steps, the first marker among the first ten, the second
            among the first T/2 − 1, the first and the last step marked −1, the target
            0.5 + (X₁ + X₂)/4. Its variance is 1/24 (Hochreiter and Schmidhuber 1997, experiment 4).

The first step is never one of the two: in the paper that is the rare case, X₁ being 0 then.
Multiplication (experiment 5) has numbers in [0, 1], the steps and markers of `original`, and the
target X₁·X₂, whose variance is 7/144.

Solved as in 1997 where the protocol is that of 1997: the error of every held-out sequence is at
most 0.04, in multiplication of all but 13 in 2,000. Else: a mean squared error of 0.01.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from rnnx.arrays import Array
from rnnx.data.corpus import Corpus
from rnnx.data.sequences import Sequences
from rnnx.data.targets import Quantity, Targets, values
from rnnx.data.yardsticks import Criterion, Level
from rnnx_tasks.endless import Draw, Task, check_task, endless_corpus
from rnnx_tasks.lengths import Lengths, flat

TOLERANCE = 0.04  # of a target of 1997
LEAST = 8  # of T: below it `original` has no place for a second marker


class Protocol(Enum):
    """Whose adding problem it is."""

    arjovsky = "arjovsky"
    original = "original"


@dataclass(frozen=True)
class Adding:
    """The sum of two marked numbers, at the end of a sequence."""

    protocol: Protocol = Protocol.arjovsky
    """arjovsky: numbers from 0 to 1, a marker in each half. original: that of 1997."""
    lengths: Lengths = Lengths(100)
    """T, at least 8."""
    held_out: int = 1000
    """The number of sequences that are held out. At least 1."""
    split_seed: int = 0
    """The seed that draws the held-out sequences, whatever the run's own seed. At least 0."""

    def __post_init__(self) -> None:
        check_task(self, LEAST)

    def load(self, seed: int) -> Corpus:
        if self.protocol is Protocol.arjovsky:
            target = values(["sum"], per_sequence=True)
            return _corpus(self, seed, _in_halves, target, 1 / 6, Criterion("mse", 0.01, 3))
        target = values(["sum"], per_sequence=True, tolerance=TOLERANCE)
        return _corpus(self, seed, _original_sums, target, 1 / 24, Criterion("within", 1.0))


@dataclass(frozen=True)
class Multiplication:
    """The product of two marked numbers, at the end of a sequence."""

    lengths: Lengths = Lengths(100)
    """T, at least 8; a sequence has T to 1.1·T steps."""
    held_out: int = 1000
    """The number of sequences that are held out. At least 1."""
    split_seed: int = 0
    """The seed that draws the held-out sequences, whatever the run's own seed. At least 0."""

    def __post_init__(self) -> None:
        check_task(self, LEAST)

    def load(self, seed: int) -> Corpus:
        target = values(["product"], per_sequence=True, tolerance=TOLERANCE)
        solved = Criterion("within", 1 - 13 / 2000)
        return _corpus(self, seed, _products, target, 7 / 144, solved)


def _corpus(
    task: Task, seed: int, draw: Draw, target: Targets, variance: float, solved: Criterion
) -> Corpus:
    return endless_corpus(
        task,
        seed,
        draw,
        target,
        features=(Quantity("number"), Quantity("marker")),
        levels=(Level("mse", "chance", variance), Level("mse", "optimum", 0.0)),
        criterion=solved,
    )


def _in_halves(rng: np.random.Generator, sizes: Array) -> Sequences:
    """Numbers in [0, 1), the first marker in the first half, the second in the rest."""
    first = rng.integers(0, sizes // 2)
    second = rng.integers(sizes // 2, sizes)
    numbers = rng.random((len(sizes), int(sizes.max())))
    x1, x2 = _marked(numbers, first, second)
    return _sequences(sizes, sizes, numbers, (first, second), x1 + x2, end_marker=0)


def _original_sums(rng: np.random.Generator, sizes: Array) -> Sequences:
    steps, first, second = _original_places(rng, sizes)
    numbers = rng.uniform(-1, 1, (len(sizes), int(steps.max())))
    x1, x2 = _marked(numbers, first, second)
    return _sequences(sizes, steps, numbers, (first, second), 0.5 + (x1 + x2) / 4, end_marker=-1)


def _products(rng: np.random.Generator, sizes: Array) -> Sequences:
    steps, first, second = _original_places(rng, sizes)
    numbers = rng.random((len(sizes), int(steps.max())))
    x1, x2 = _marked(numbers, first, second)
    return _sequences(sizes, steps, numbers, (first, second), x1 * x2, end_marker=-1)


def _original_places(rng: np.random.Generator, sizes: Array) -> tuple[Array, Array, Array]:
    """(count,) steps and the places of both markers, which differ and are not the first step."""
    steps = rng.integers(sizes, sizes + sizes // 10 + 1)
    first = rng.integers(1, np.minimum(10, sizes // 2))
    second = rng.integers(1, sizes // 2 - 1)
    return steps, first, second + (second >= first)


def _marked(numbers: Array, first: Array, second: Array) -> tuple[Array, Array]:
    rows = np.arange(len(numbers))
    return numbers[rows, first], numbers[rows, second]


def _sequences(
    sizes: Array,
    steps: Array,
    numbers: Array,
    marked: tuple[Array, Array],
    y: Array,
    end_marker: int,
) -> Sequences:
    x = np.zeros((*numbers.shape, 2), np.float32)
    x[..., 0] = numbers
    rows = np.arange(len(steps))
    x[rows, 0, 1] = x[rows, steps - 1, 1] = end_marker
    for places in marked:
        x[rows, places, 1] = 1
    y = y.astype(np.float32)[:, None]
    return Sequences(steps, y, features=flat(x, steps), per_sequence=True, sizes=sizes)
