"""What a piece of music is here: bars, notes and chords on a grid of a twelfth of a quarter."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

from rnnx.errors import DataError
from rnnx_jazz.chords import Chord, no_chord

MOST_BARS = 5000  # of a piece
MOST_NOTES = 20_000
TICKS = 12  # to a quarter: sixteenths are 3, eighths of a triplet 4


class Note(NamedTuple):
    """A sounding note."""

    start: int  # ticks from the beginning of the piece
    length: int  # ticks, ≥ 1
    pitch: int  # MIDI number, 60 is middle C

    @property
    def end(self) -> int:
        """The tick at which it is over."""
        return self.start + self.length


class Bar(NamedTuple):
    """A measure as it is written: a pickup is as short as it is."""

    start: int  # ticks
    length: int  # ticks, ≥ 1
    metre: tuple[int, int]  # 3, 4 of 3/4

    @property
    def end(self) -> int:
        """The tick at which the next one begins."""
        return self.start + self.length


class Change(NamedTuple):
    """A chord begins; it lasts until the next change."""

    start: int  # ticks
    chord: Chord


@dataclass(frozen=True)
class Tune:
    """One melody over chords, in bars that follow one another without a gap."""

    title: str
    bars: tuple[Bar, ...]
    notes: tuple[Note, ...]  # by start; none sounds into the next
    changes: tuple[Change, ...]  # by start; the first one covers the first bar
    tempo: float = 130.0  # quarters a minute

    def chord_at(self, tick: int) -> Chord:
        """The last chord that began at or before ``tick``, else the first."""
        return self.changes[max(bisect_right(self._starts, tick) - 1, 0)].chord

    def bar_at(self, tick: int) -> Bar:
        """The bar that a tick of the tune lies in."""
        return self.bars[bisect_right(self._bar_starts, tick) - 1]

    @cached_property
    def _bar_starts(self) -> list[int]:
        return [bar.start for bar in self.bars]

    @cached_property
    def _starts(self) -> list[int]:
        return [change.start for change in self.changes]

    def names_in(self, bar: Bar) -> str:
        """The names of a bar's chords, the one that it begins under first."""
        first, last = bisect_right(self._starts, bar.start), bisect_left(self._starts, bar.end)
        inside = [change.chord.name for change in self.changes[first:last]]
        return " ".join([self.chord_at(bar.start).name, *inside])

    @property
    def end(self) -> int:
        """The tick at which the last bar is over."""
        return self.bars[-1].end


def rooted(changes: Sequence[Change]) -> tuple[Change, ...]:
    """The changes by start, N.C. with the root of the chord before it, at first of the next.

    So a tune without chords for a while still transposes as a whole.
    """
    ordered = sorted(changes, key=lambda change: change.start)
    root = next((change.chord.root for change in ordered if change.chord.tones), 0)
    found = []
    for start, chord in ordered:
        root = chord.root if chord.tones else root
        found.append(Change(start, chord if chord.tones else no_chord(root)))
    return tuple(found)


def refuse_long(bars: int, notes: int, where: str) -> None:
    """DataError for a piece that would take minutes to look through."""
    if bars > MOST_BARS:
        raise DataError(f"{where}: is longer than {MOST_BARS:,} bars; give a part of it")
    if notes > MOST_NOTES:
        raise DataError(f"{where}: has more than {MOST_NOTES:,} notes; give a part of it")


def bar_ticks(beats: int, unit: int, where: str) -> int:
    """The ticks of a bar of ``beats``/``unit``; DataError for a metre that is off the grid."""
    ticks = Fraction(4 * TICKS * beats, unit) if beats > 0 and unit > 0 else Fraction(0)
    if ticks.denominator != 1 or not 0 < ticks <= 16 * TICKS * 4:
        raise DataError(
            f"{where}: the metre {beats}/{unit} is not one of whole twelfths of a quarter up to "
            "64 quarters; write it as 4/4, 3/4, 6/8 or the like"
        )
    return int(ticks)


def to_ticks(quarters: float | Fraction) -> int:
    """The nearest tick."""
    return round(quarters * TICKS)


def cut(tune: Tune, first: int, last: int) -> Tune:
    """The bars ``first`` … ``last`` (places from 0) as a tune that begins at tick 0."""
    bars = tune.bars[first : last + 1]
    begin, end = bars[0].start, bars[-1].end
    notes = [
        Note(max(n.start, begin) - begin, min(n.end, end) - max(n.start, begin), n.pitch)
        for n in tune.notes
        if n.start < end and n.end > begin
    ]
    inside = [Change(c.start - begin, c.chord) for c in tune.changes if begin < c.start < end]
    changes = (Change(0, tune.chord_at(begin)), *inside)
    moved = tuple(bar._replace(start=bar.start - begin) for bar in bars)
    return Tune(tune.title, moved, tuple(notes), changes, tune.tempo)
