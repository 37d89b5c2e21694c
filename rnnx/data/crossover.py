"""Crossover: new training examples that begin as one example and go on as others.

At each symbol after the first, with the probability ``rate``, an example goes on as another one
that has the same last k symbols there, k = 2, 3 or 4 (drawn anew). ``abrosaurus`` and
``brontomerus`` share ``br``, so they may give ``abrontomerus``. On little data a network that
rarely sees a whole example twice learns what fits after what instead of examples by heart.
"""

from __future__ import annotations

from typing import NamedTuple, TypeGuard

import numpy as np

from rnnx.arrays import Array
from rnnx.data.corpus import Examples, Split
from rnnx.data.ngram import flat_tokens, ngram_levels

CONTEXTS = (2, 3, 4)  # symbols that two examples share where one goes on as the other
LIMIT = 2_000_000  # symbols; larger data needs no crossover, and its tables would be large


def can_cross(split: Split) -> TypeGuard[Examples]:
    """Whether ``split`` is of examples that follow each other in no order, and not too large."""
    return isinstance(split, Examples) and not split.carry and split.tokens <= LIMIT


class Places(NamedTuple):
    """The places of all examples, sorted by the k symbols before them."""

    context: Array  # (n,) the number of the context before each place
    sorted: Array  # (n,) the places, those of one context side by side
    first: Array  # (contexts + 1,) where those of each context begin in ``sorted``


class Crossover:
    """Draws examples for training from ``examples``; its randomness is that of ``rng``."""

    def __init__(self, examples: Examples, rate: float, rng: np.random.Generator) -> None:
        self._examples, self._rate, self._rng = examples, rate, rng
        tokens = flat_tokens(examples)
        self._ids = examples.ids.take(_places(examples))  # those of the examples, end to end
        self._stops = np.cumsum(examples.lengths)  # of the examples
        self._stop = np.repeat(self._stops, examples.lengths)  # (n,) of the example of each place
        self._longest = int(np.max(examples.lengths))
        levels = list(ngram_levels([tokens], int(self._ids.max()) + 1, max(CONTEXTS)))
        self._by_context = [_sorted_places(levels[k].context) for k in CONTEXTS]

    def draw(self, which: Array) -> Examples:
        """One new example for each of those at ``which``, in that order."""
        pieces, lengths = [], np.empty(len(which), np.int64)
        for column, i in enumerate(which):
            stop = int(self._stops[i])
            start, length = stop - int(self._examples.lengths[i]), 0
            while True:
                gap = int(self._rng.geometric(self._rate))  # symbols until it goes on as another
                end = min(start + gap, stop)
                pieces.append(self._ids[start:end])
                length += end - start
                if end == stop:
                    break
                start, other = end, self._another(end)
                # None becomes longer than the longest example.
                if length + int(self._stop[other]) - other <= self._longest:
                    start, stop = other, int(self._stop[other])
            lengths[column] = length
        own = self._examples
        first = None if own.first is None else own.first[which]
        starts = np.cumsum(lengths) - lengths
        return Examples(np.concatenate(pieces), starts, lengths, first, own.shuffle, own.carry)

    def _another(self, place: int) -> int:
        """A place with the same last symbols as ``place``, or that one itself."""
        known = self._by_context[int(self._rng.integers(len(CONTEXTS)))]
        context = known.context[place]
        first, behind = known.first[context : context + 2]
        return int(known.sorted[first + int(self._rng.integers(behind - first))])


def _places(examples: Examples) -> Array:
    """(n,) the places in ``examples.ids`` of all their targets, end to end."""
    ends = np.cumsum(examples.lengths)
    shift = examples.starts - (ends - examples.lengths)
    places: Array = np.arange(int(ends[-1])) + np.repeat(shift, examples.lengths)
    return places


def _sorted_places(context: Array) -> Places:
    counts = np.bincount(context)
    first = np.concatenate([[0], np.cumsum(counts)])
    places = np.argsort(context, kind="stable")
    return Places(context.astype(np.int32), places.astype(np.int32), first)
