"""Reber's grammar, plain and embedded: the next symbol of a string that a small automaton writes.

    reber       B (T S* X | P T* V) …  E     each fork is taken with probability 1/2
    embedded    B T reber T E   or   B P reber P E

The embedded form (Hochreiter and Schmidhuber 1997, experiment 1) asks for one symbol of long ago:
the last but one is the second one. At all other places the current state of the automaton says
which symbols may follow. In nats a symbol

    reber       no one can do better than 6·ln 2 / 7 = 0.5941
    embedded    7·ln 2 / 11 = 0.4411; 8·ln 2 / 11 = 0.5041 without that memory

Solved as in 1997: in every held-out string, the symbols that may follow are the most probable ones
at every step.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np

from rnnx.arrays import Array
from rnnx.data.corpus import Corpus
from rnnx.data.sequences import Sequences
from rnnx.data.targets import classes
from rnnx.data.yardsticks import Criterion, Level
from rnnx_tasks.endless import Draw, Task, check_task, endless_corpus
from rnnx_tasks.lengths import Lengths, flat

SYMBOLS = ("B", "E", "P", "S", "T", "V", "X")
B, E, P, S, T, V, X = range(7)
# From each state two symbols, each with the state that it leads to; from LAST to the end by E.
FORKS = np.array([
    [(T, 1), (P, 2)],
    [(S, 1), (X, 3)],
    [(T, 2), (V, 4)],
    [(X, 2), (S, 5)],
    [(P, 3), (V, 5)],
])  # fmt: skip
LAST = 5
MAY_FOLLOW = np.zeros((LAST + 1, len(SYMBOLS)), bool)  # by the state
np.put_along_axis(MAY_FOLLOW[:LAST], FORKS[:, :, 0], True, axis=1)
MAY_FOLLOW[LAST, E] = True
SOLVED = Criterion("alternatives_first", 1.0)
FORKED, WRITTEN = 6, 7  # in the mean, of a string after its B: symbols that are drawn, and all
ANY = Lengths(1)  # the automaton alone decides how long a string is


@dataclass(frozen=True)
class Reber:
    """The next symbol of strings of Reber's grammar."""

    held_out: int = 1000
    """The number of strings that are held out. At least 1."""
    split_seed: int = 0
    """The seed that draws the held-out strings, whatever the run's own seed. At least 0."""

    lengths = ANY

    def __post_init__(self) -> None:
        check_task(self)

    def load(self, seed: int) -> Corpus:
        best = FORKED * log(2) / WRITTEN
        levels = (
            Level("loss", "chance", log(len(SYMBOLS))),
            Level("loss", "optimum", best),
            Level("accuracy", "optimum", (WRITTEN - FORKED / 2) / WRITTEN),
        )
        return _corpus(self, seed, _plain, levels)


@dataclass(frozen=True)
class EmbeddedReber:
    """The next symbol of strings of Reber's grammar, whose last but one is their second."""

    held_out: int = 1000
    """The number of strings that are held out. At least 1."""
    split_seed: int = 0
    """The seed that draws the held-out strings, whatever the run's own seed. At least 0."""

    lengths = ANY

    def __post_init__(self) -> None:
        check_task(self)

    def load(self, seed: int) -> Corpus:
        forked, written = FORKED + 1, WRITTEN + 4
        best = forked * log(2) / written
        levels = (
            Level("loss", "chance", log(len(SYMBOLS))),
            Level("loss", "no_memory", (forked + 1) * log(2) / written),
            Level("loss", "optimum", best),
            Level("accuracy", "no_memory", (written - (forked + 1) / 2) / written),
            Level("accuracy", "optimum", (written - forked / 2) / written),
        )
        return _corpus(self, seed, _embedded, levels)


def _corpus(task: Task, seed: int, draw: Draw, levels: tuple[Level, ...]) -> Corpus:
    targets = classes(SYMBOLS, alternatives=True)
    return endless_corpus(task, seed, draw, targets, SYMBOLS, (), levels, SOLVED)


def _strings(rng: np.random.Generator, count: int) -> tuple[Array, Array, Array]:
    """(count, longest) ids of strings from B to E, their lengths, and what may follow each symbol.

    The last is (count, longest − 1, 7) bools.
    """
    state, columns = np.zeros(count, np.int64), [np.full(count, B)]
    lengths, may_follow = np.ones(count, np.int64), []
    while (going := state <= LAST).any():
        lengths += going
        may_follow.append(MAY_FOLLOW[np.minimum(state, LAST)])
        forks = FORKS[np.minimum(state, LAST - 1), rng.integers(0, 2, count)]  # (count, 2)
        ends = state >= LAST
        columns.append(np.where(ends, E, forks[:, 0]))
        state = np.where(ends, LAST + 1, forks[:, 1])
    return np.stack(columns, axis=1), lengths, np.stack(may_follow, axis=1)


def _plain(rng: np.random.Generator, sizes: Array) -> Sequences:
    strings, lengths, may_follow = _strings(rng, len(sizes))
    steps = lengths - 1
    own = flat(strings[:, 1:], steps), flat(strings, steps)
    return Sequences(steps, *own, alternatives=flat(may_follow, steps))


def _embedded(rng: np.random.Generator, sizes: Array) -> Sequences:
    count, rows = len(sizes), np.arange(len(sizes))
    inner, lengths, inside = _strings(rng, count)
    lengths = lengths + 4
    strings = np.zeros((count, int(lengths.max())), np.int64)
    strings[:, 0], strings[:, 2 : 2 + inner.shape[1]] = B, inner
    first = np.where(rng.integers(0, 2, count), T, P)
    strings[:, 1] = strings[rows, lengths - 2] = first
    strings[rows, lengths - 1] = E
    steps = lengths - 1
    ages = np.zeros((count, int(steps.max())), np.int64)
    ages[rows, steps - 2] = steps - 3  # the target there stood at the input of step 1
    # Only what stands at a fork is not known for certain: the second symbol, and those inside.
    may_follow = np.eye(len(SYMBOLS), dtype=bool)[strings[:, 1:]]
    may_follow[:, 0, [T, P]] = True
    # The step before the inner string's B, and then its own.
    may_follow[:, 2 : 2 + inside.shape[1]] |= inside & (
        np.arange(inside.shape[1])[:, None] < (lengths - 5)[:, None, None]
    )
    own = flat(strings[:, 1:], steps), flat(strings, steps)
    return Sequences(steps, *own, ages=flat(ages, steps), alternatives=flat(may_follow, steps))
