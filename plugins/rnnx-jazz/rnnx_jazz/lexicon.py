"""A vocabulary of tokens as arrays, as the grammar looks at it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np

from rnnx import Array, Vocabulary
from rnnx.errors import DataError
from rnnx_jazz.chords import NO_CHORD
from rnnx_jazz.music import TICKS
from rnnx_jazz.scales import SCALES
from rnnx_jazz.tokens import PLACES, Token, parse

Name = TypeVar("Name", int, str)
ABSENT = -1  # a degree that a chord does not have


class Lexicon:
    """What each id of a vocabulary means; all arrays are (n_y,)."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.symbols = vocabulary.symbols
        self.tokens = [parse(symbol) for symbol in self.symbols]
        self.n_symbols = len(self.tokens)
        self.is_note = self._array(lambda token: token.kind == "note", np.bool_)
        self.is_tone = self._array(lambda token: token.type == "C", np.bool_)
        self.is_rest = self._array(lambda token: token.kind == "rest", np.bool_)
        self.is_tie = self._array(lambda token: token.kind == "tie", np.bool_)
        self.is_time = self._array(lambda token: token.kind == "time", np.bool_)
        self.place = self._array(lambda token: token.place, np.int64)
        self.ticks = self._array(lambda token: token.ticks, np.int64)
        self.leap = self._array(lambda token: token.leap, np.int64)
        if not self.is_time.any() or not (self.is_note | self.is_rest).any():
            raise DataError(
                "the vocabulary has no tokens of music in it; give a run with dataset=jazz"
            )
        self._roots = {token.root: id for id, token in self._of("root")}
        self._scales = {token.scale: id for id, token in self._of("scale")}
        self._durations = self._durations_by_place()

    def _array(self, read: Callable[[Token], int], dtype: type) -> Array:
        return np.array([read(token) if token else 0 for token in self.tokens], dtype)

    def _of(self, kind: str) -> list[tuple[int, Token]]:
        return [(id, token) for id, token in enumerate(self.tokens) if token and token.kind == kind]

    def root(self, semitones: int) -> int | None:
        """The id of a chord's root, or of the nearest that is known; None where none is."""
        return _nearest(
            self._roots, lambda other: min((other - semitones) % 12, (semitones - other) % 12)
        )

    def scale(self, name: str) -> int | None:
        """The id of a scale, or of the known one that shares most notes with it."""
        if name == NO_CHORD:
            return self._scales.get(name)
        return _nearest(self._scales, lambda other: _unlike(name, other))

    def durations(self, place: int) -> list[int]:
        """The durations in ticks of the events that are known to begin at a place in a bar."""
        return self._durations[place]

    def named(self, place: int) -> int:
        """The place that stands for one that nothing was learned about: as far into its beat."""
        return self._named[place]

    def _durations_by_place(self) -> list[list[int]]:
        known: dict[int, set[int]] = {}
        for _, token in self._of("time"):
            known.setdefault(token.place, set()).add(token.ticks)
        self._named = [_alike(place, known) for place in range(PLACES)]
        return [sorted(known.get(named, ())) for named in self._named]


def _alike(place: int, known: dict[int, set[int]]) -> int:
    """The nearest known place as far into its beat as ``place``; itself where there is none."""
    alike = [other for other in known if other % TICKS == place % TICKS]
    return min(alike, key=lambda other: (abs(other - place), other), default=place)


def _nearest(ids: Mapping[Name, int], distance: Callable[[Name], int]) -> int | None:
    """The id of the name at the least distance; None where there are no names."""
    ordered = sorted(ids, key=lambda name: (distance(name), str(name)))
    return ids[ordered[0]] if ordered else None


def _unlike(one: str, other: str) -> int:
    """How many pitch classes two scales do not share; one of no chord is unlike all."""
    if NO_CHORD in (one, other):
        return 12 * (one != other)
    return len(SCALES[one].keys() ^ SCALES[other].keys())
