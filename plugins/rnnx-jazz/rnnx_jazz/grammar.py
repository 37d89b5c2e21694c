"""What may come next in a solo over a chart: the grammar of the tokens, bar by bar.

A token may stand at a tick if

- it ends inside the bar, and what is left of the bar can be filled with tokens of the vocabulary,
- it has an interval where the bar has a note already, and none where it has not,
- it is no rest behind a rest, for two rests are one,
- its TYPE has a pitch under the chord of that tick,
- a triplet's beat is filled with triplets, and a sixteenth's with its own, where the bar can be
  filled so.

Nothing is drawn and thrown away: what may not stand there has the probability 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rnnx import Array, State, Vocabulary
from rnnx.errors import DataError
from rnnx_jazz.music import TICKS, Bar, Tune
from rnnx_jazz.tokens import Token, parse

FRESH, SOUNDED, RESTED = 0, 1, 2  # a bar's status: bits
STATUSES = 4


class Kind(NamedTuple):
    """Tokens that are alike to the grammar."""

    type: str
    ticks: int
    follows: bool  # it has an interval

    def fits(self, status: int) -> bool:
        """Whether it may stand in a bar of this status."""
        if self.type == "R":
            return not status & RESTED
        return self.follows == bool(status & SOUNDED)

    def after(self, status: int) -> int:
        """The bar's status after it."""
        return (status & SOUNDED) | RESTED if self.type == "R" else SOUNDED


class JazzGrammar:
    """Solos over one chart, in the tokens of one vocabulary."""

    def __init__(self, vocabulary: Vocabulary, chart: Tune) -> None:
        self._chart = chart
        tokens = [parse(symbol) for symbol in vocabulary.symbols]
        if not any(tokens):
            raise DataError(
                "the vocabulary has no tokens of music in it; give a run with dataset=jazz"
            )
        self._kinds = [None if token is None else _kind(token) for token in tokens]
        self._ticks = np.array([kind.ticks if kind else 1 for kind in self._kinds], np.int64)
        self._rests = np.array([kind is not None and kind.type == "R" for kind in self._kinds])
        self._groups = sorted({kind for kind in self._kinds if kind})
        self._bar_of = np.repeat(np.arange(len(chart.bars)), [bar.length for bar in chart.bars])
        self._edges = np.zeros(chart.end + 1, np.bool_)
        self._edges[[bar.end for bar in chart.bars]] = True
        self._plans: dict[tuple[object, ...], tuple[Array, bool]] = {}
        self._masks: dict[tuple[int, int], Array] = {}
        self._by_bar = [self._plan(number) for number in range(len(chart.bars))]

    def start(self, B: int) -> State:
        """(tick (B,), status (B,)), at the beginning of the chart."""
        return np.zeros(B, np.int64), np.full(B, FRESH, np.int64)

    def allowed(self, state: State) -> Array:
        ticks, statuses = state
        columns = [
            self._mask(tick, status)
            for tick, status in zip(ticks.tolist(), statuses.tolist(), strict=True)
        ]
        return np.stack(columns, axis=1)

    def follow(self, state: State, ids: Array) -> State:
        ticks, statuses = state
        ended = ticks >= self._chart.end
        after = np.where(ended, ticks, np.minimum(ticks + self._ticks[ids], self._chart.end))
        rested = (statuses & SOUNDED) | RESTED
        status = np.where(self._rests[ids], rested, SOUNDED)
        return after, np.where(self._edges[after], FRESH, status)

    def _mask(self, tick: int, status: int) -> Array:
        """(n_y,) of bool."""
        known = self._masks.get((tick, status))
        if known is None:
            known = np.zeros(len(self._kinds), np.bool_)
            if tick < self._chart.end:
                number = int(self._bar_of[tick])
                may = {kind for kind in self._groups if self._may(number, tick, status, kind)}
                known[:] = [kind in may for kind in self._kinds]
            self._masks[tick, status] = known
        return known

    def _may(self, number: int, tick: int, status: int, kind: Kind) -> bool:
        bar = self._chart.bars[number]
        can, strict = self._by_bar[number]
        return _stands(
            kind, bar, tick - bar.start, status, self._chart.chord_at(tick).types, can, strict
        )

    def _plan(self, number: int) -> tuple[Array, bool]:
        """(length + 1, statuses) of bool: from where the bar can be filled; and how strictly.

        DataError where it cannot.
        """
        bar = self._chart.bars[number]
        types = [self._chart.chord_at(tick).types for tick in range(bar.start, bar.end)]
        key = (bar.length, bar.metre, *types)
        if key not in self._plans:
            can, strict = _fill(self._groups, bar, types, True), True
            if not can[0, FRESH]:
                can, strict = _fill(self._groups, bar, types, False), False
            if not can[0, FRESH]:
                raise DataError(
                    f"bar {number + 1}: {bar.length}/{TICKS} of a quarter cannot be filled with "
                    "the durations that the model has learned; give another metre or chord"
                )
            self._plans[key] = can, strict
        return self._plans[key]


def _kind(token: Token) -> Kind:
    return Kind(token.type, token.ticks, token.step is not None)


def _fill(groups: Sequence[Kind], bar: Bar, types: Sequence[str], strict: bool) -> Array:
    """From which place and status of a bar the rest of it can be filled."""
    can = np.zeros((bar.length + 1, STATUSES), np.bool_)
    can[bar.length] = True
    for place in range(bar.length - 1, -1, -1):
        for status in range(STATUSES):
            can[place, status] = any(
                _stands(kind, bar, place, status, types[place], can, strict) for kind in groups
            )
    return can


def _stands(
    kind: Kind, bar: Bar, place: int, status: int, types: str, can: Array, strict: bool
) -> bool:
    """Whether a token may stand at a place of a bar."""
    after = place + kind.ticks
    return (
        after <= bar.length
        and kind.fits(status)
        and bool(can[after, kind.after(status)])
        and (kind.type == "R" or kind.type in types)
        and (not strict or _joins(bar, place, kind.ticks))
    )


def _joins(bar: Bar, place: int, ticks: int) -> bool:
    """Whether a beat's thirds stay among thirds, and its quarters among quarters."""
    whole = 4 * TICKS * bar.metre[0] // bar.metre[1]
    begin = (place + max(whole - bar.length, 0)) % TICKS  # a pickup ends with its beat
    end = (begin + ticks) % TICKS
    if begin % 3 and begin % 4:
        return True  # a file with a rhythm of its own
    if begin == 0:
        return end % 3 == 0 or end % 4 == 0
    return ticks % (3 if begin % 3 == 0 else 4) == 0
