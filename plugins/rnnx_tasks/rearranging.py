"""A string is read, then written in another order, while the input asks for it:

    reverse_string      a b c d e  →  e d c b a
    duplicate_string    a b c d e  →  a b c d e a b c d e
    odds_first          a b c d e  →  a c e b d
    bucket_sort         3 0 4 0 1  →  0 0 1 3 4

From Delétang et al. 2023: the first can be done with a stack, the next two with a tape, the last
with a counter for each symbol. The answer alone counts. Lengths are those of the string.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.ranges import require
from rnnx.data.corpus import Corpus
from rnnx.data.sequences import Sequences
from rnnx.data.targets import classes
from rnnx_tasks.answering import answered
from rnnx_tasks.endless import Draw, Task, check_task, endless_corpus
from rnnx_tasks.lengths import Lengths
from rnnx_tasks.levels import SOLVED, guessed


@dataclass(frozen=True)
class ReverseString:
    """A string, backwards."""

    lengths: Lengths = Lengths(40, 1, 200, 41)
    """Symbols of a string, at least 1."""
    symbols: int = 2
    """How many different symbols there are, at least 2."""
    held_out: int = 500
    """The number of strings that are held out. At least 1."""
    split_seed: int = 0
    """The seed that draws the held-out strings, whatever the run's own seed. At least 0."""

    def __post_init__(self) -> None:
        _check(self, self.symbols)

    def load(self, seed: int) -> Corpus:
        return _corpus(self, seed, self._draw, self.symbols)

    def _draw(self, rng: np.random.Generator, sizes: Array) -> Sequences:
        strings = _strings(rng, sizes, self.symbols)
        places = sizes[:, None] - 1 - np.arange(strings.shape[1])
        return _rearranged(strings, sizes, places, sizes, self.symbols)


@dataclass(frozen=True)
class DuplicateString:
    """A string, twice."""

    lengths: Lengths = Lengths(40, 1, 200, 41)
    """Symbols of a string, at least 1."""
    symbols: int = 2
    """How many different symbols there are, at least 2."""
    held_out: int = 500
    """The number of strings that are held out. At least 1."""
    split_seed: int = 0
    """The seed that draws the held-out strings, whatever the run's own seed. At least 0."""

    def __post_init__(self) -> None:
        _check(self, self.symbols)

    def load(self, seed: int) -> Corpus:
        return _corpus(self, seed, self._draw, self.symbols)

    def _draw(self, rng: np.random.Generator, sizes: Array) -> Sequences:
        strings = _strings(rng, sizes, self.symbols)
        places = np.arange(2 * strings.shape[1]) % sizes[:, None]
        return _rearranged(strings, sizes, places, 2 * sizes, self.symbols)


@dataclass(frozen=True)
class OddsFirst:
    """The first, third, fifth … symbol of a string, then the others."""

    lengths: Lengths = Lengths(40, 1, 200, 41)
    """Symbols of a string, at least 1."""
    symbols: int = 2
    """How many different symbols there are, at least 2."""
    held_out: int = 500
    """The number of strings that are held out. At least 1."""
    split_seed: int = 0
    """The seed that draws the held-out strings, whatever the run's own seed. At least 0."""

    def __post_init__(self) -> None:
        _check(self, self.symbols)

    def load(self, seed: int) -> Corpus:
        return _corpus(self, seed, self._draw, self.symbols)

    def _draw(self, rng: np.random.Generator, sizes: Array) -> Sequences:
        strings = _strings(rng, sizes, self.symbols)
        k, odds = np.arange(strings.shape[1]), (sizes[:, None] + 1) // 2
        places = np.where(k < odds, 2 * k, 2 * (k - odds) + 1)
        return _rearranged(strings, sizes, places, sizes, self.symbols)


@dataclass(frozen=True)
class BucketSort:
    """The symbols of a string, sorted."""

    lengths: Lengths = Lengths(40, 1, 200, 41)
    """Symbols of a string, at least 1."""
    symbols: int = 5
    """How many different symbols there are, at least 2."""
    held_out: int = 500
    """The number of strings that are held out. At least 1."""
    split_seed: int = 0
    """The seed that draws the held-out strings, whatever the run's own seed. At least 0."""

    def __post_init__(self) -> None:
        _check(self, self.symbols)

    def load(self, seed: int) -> Corpus:
        return _corpus(self, seed, self._draw, self.symbols)

    def _draw(self, rng: np.random.Generator, sizes: Array) -> Sequences:
        strings = _strings(rng, sizes, self.symbols)
        beyond = np.arange(strings.shape[1]) >= sizes[:, None]
        answers = np.sort(np.where(beyond, self.symbols, strings), axis=1)
        return answered(strings, sizes, answers, sizes, self.symbols)


def _check(task: Task, symbols: int) -> None:
    require(2 <= symbols <= 10, "symbols", "2 … 10", symbols)
    check_task(task)


def _corpus(task: Task, seed: int, draw: Draw, n_symbols: int) -> Corpus:
    symbols = tuple(str(k) for k in range(n_symbols))
    own = classes(symbols), (*symbols, "?"), (), guessed(n_symbols), SOLVED
    return endless_corpus(task, seed, draw, *own)


def _strings(rng: np.random.Generator, sizes: Array, n_symbols: int) -> Array:
    """(count, longest) ids."""
    return rng.integers(0, n_symbols, (len(sizes), int(sizes.max())))


def _rearranged(
    strings: Array, sizes: Array, places: Array, n_answers: Array, ask: int
) -> Sequences:
    """The answer is the symbols at ``places`` (count, longest answer) of each string."""
    places = np.clip(places, 0, strings.shape[1] - 1)
    answers = np.take_along_axis(strings, places, axis=1)
    return answered(strings, sizes, answers, n_answers, ask, places)
