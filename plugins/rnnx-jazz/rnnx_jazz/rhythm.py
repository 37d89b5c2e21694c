"""When events may begin and how long they last, so that a bar is filled as it has to be.

An event is a time token and what sounds or rests. It may stand at a place of a bar if

- it ends inside the bar, and events that are known fill what is left of the bar,
- the vocabulary has its duration at that place,
- it is no rest behind a rest, for two rests are one,
- a triplet's beat is filled with notes of a triplet, and a sixteenth's with its own,
- a rest of a quarter or more, a breath, comes behind a tone of the chord,
- a bar that owes a breath ends with one,
- the last bar ends with a quarter or more, and its last note is a chord tone of the last chord.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from rnnx import Array
from rnnx.errors import DataError
from rnnx_jazz.lexicon import Lexicon
from rnnx_jazz.music import TICKS, Bar, Tune
from rnnx_jazz.tokens import place_of

# A bar's status, in bits: the last event was a rest; the last note was outside, was a tone of
# its chord, was one that may be the last of all.
RESTED, OUTSIDE, TONE, ENDED = 1, 2, 4, 8
STATUSES = 16
LEAVES = {"inside": 0, "outside": OUTSIDE, "tone": TONE, "ending": TONE | ENDED}  # by a note


class Plan(NamedTuple):
    """Bars of a kind, and from where they can be filled."""

    bar: Bar  # the first of them
    owes: bool  # a breath at its end
    is_last: bool
    ending: int  # the place from which a chord tone is an ending
    strict: bool  # durations are those of their place, and beats are filled in kind
    durations: list[list[int]]  # by place in ticks from the bar's beginning
    playable: Sequence[bool]  # by place: whether a note can begin there
    tones: Sequence[bool]  # by place: whether a tone of the chord can
    rests: bool  # whether anything can rest
    can: Array  # (length + 1, STATUSES) of bool


def stands(plan: Plan, place: int, ticks: int, what: str, status: int) -> bool:
    """Whether an event may stand at a place: ``what`` is a rest, or a note that is inside, outside,
    a tone of the chord, one that may be the last, or tied to the one before."""
    end = place + ticks
    if end > plan.bar.length or (plan.strict and not _joins(plan.bar, place, ticks)):
        return False
    if end == plan.bar.length and not _closes(plan, ticks, what):
        return False
    if status & OUTSIDE and what in ("outside", "rest", "tied"):
        return False
    if what == "tied" and (ticks == plan.bar.length or (plan.strict and ticks % 3)):
        return False
    if what == "rest":
        again = status & RESTED and plan.playable[place]
        filled = plan.strict and _beat(plan.bar, place) in (4, 8)
        hangs = plan.strict and ticks >= TICKS and not status & TONE
        return not (again or filled or hangs) and bool(plan.can[end, status | RESTED])
    return bool(plan.can[end, status & ~RESTED if what == "tied" else LEAVES[what]])


def kinds_at(plan: Plan, place: int) -> Iterator[str]:
    """What can begin at a place as far as the plan knows; to be tied is no more than a note."""
    if plan.rests:
        yield "rest"
    if plan.playable[place]:
        yield "inside"
    if plan.tones[place]:
        yield "ending" if place >= plan.ending else "tone"


def _closes(plan: Plan, ticks: int, what: str) -> bool:
    """Whether an event may be the last one of the bar."""
    if plan.owes:
        return what == "rest" and ticks >= TICKS
    return not plan.is_last or ticks >= TICKS


def _beat(bar: Bar, place: int) -> int:
    """How far into its beat a place is."""
    return place_of(bar, bar.start + place) % TICKS


def _joins(bar: Bar, place: int, ticks: int) -> bool:
    """Whether a beat's thirds are filled with thirds, and its quarters with quarters."""
    begin = _beat(bar, place)
    end = begin + ticks
    if begin % 3 and begin % 4:
        return True  # a file with a rhythm of its own
    if begin == 0:
        return end % 3 == 0 or end in (4, 8)
    if begin % 3:
        return ticks % 4 == 0 and end <= TICKS
    return ticks % 3 == 0


class Rhythm:
    """The plans of all bars of a chart, for the durations of one vocabulary."""

    def __init__(
        self, lexicon: Lexicon, chart: Tune, playable: Sequence[bool], tones: Sequence[bool]
    ) -> None:
        self._lexicon, self._chart = lexicon, chart
        self._playable, self._tones = playable, tones
        self._plans: dict[tuple[object, ...], Plan | None] = {}
        for number in range(len(chart.bars)):
            for owes in (False, True):
                self.plan(number, owes)

    def plan(self, number: int, owes: bool) -> Plan:
        """The strictest plan by which a bar can be filled; DataError where it cannot."""
        bar, chart = self._chart.bars[number], self._chart
        is_last = number + 1 == len(chart.bars)
        last_chord = chart.changes[-1].start - bar.start
        whole = bar.length + 1  # beyond every place: nothing has to be an ending
        for ending, due, strict in (
            (last_chord, owes, True),
            (0, owes, True),
            (0, False, True),
            (0, False, False),
            (whole, False, False),
        ):
            plan = self._made(bar, due, is_last and ending < whole, max(ending, 0), strict)
            if plan is not None:
                return plan
        raise DataError(
            f"bar {number + 1}: {bar.length}/{TICKS} of a quarter cannot be filled with the "
            "durations that the model has learned; give another metre or chord"
        )

    def _made(self, bar: Bar, owes: bool, is_last: bool, ending: int, strict: bool) -> Plan | None:
        playable = self._playable[bar.start : bar.end]
        tones = self._tones[bar.start : bar.end]
        ending = ending if is_last else bar.length
        first = place_of(bar, bar.start)
        known = bytes(playable) + bytes(tones)
        key = (bar.length, bar.metre, first, owes, is_last, ending, strict, known)
        if key not in self._plans:
            can = np.zeros((bar.length + 1, STATUSES), np.bool_)
            durations = self._durations(bar, strict)
            notes = (playable, tones, bool(self._lexicon.is_rest.any()))
            plan = Plan(bar, owes, is_last, ending, strict, durations, *notes, can)
            self._plans[key] = plan if _fill(plan) else None
        return self._plans[key]

    def _durations(self, bar: Bar, strict: bool) -> list[list[int]]:
        if strict:
            places = [place_of(bar, tick) for tick in range(bar.start, bar.end)]
            return [self._lexicon.durations(place) for place in places]
        every = sorted(set(self._lexicon.ticks[self._lexicon.is_time].tolist()))
        return [every] * bar.length


def _fill(plan: Plan) -> bool:
    """Mark from which place and status the rest of a bar can be filled; whether all of it can.

    A status of OUTSIDE wants a note next, and no rest; the last bar has to be ENDED.
    """
    for status in range(STATUSES):
        plan.can[plan.bar.length, status] = not plan.is_last or status & ENDED
    for place in range(plan.bar.length - 1, -1, -1):
        for status in range(STATUSES):
            plan.can[place, status] = any(
                stands(plan, place, ticks, what, status)
                for ticks in plan.durations[place]
                for what in kinds_at(plan, place)
            )
    return bool(plan.can[0, 0])
