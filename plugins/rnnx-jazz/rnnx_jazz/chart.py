"""Chord charts from text: ``C7 | F7 | C7 G7 | %``.

A bar stands between two |; its chords share it evenly. ``.`` and ``/`` hold the chord before,
``%`` repeats the bar before, ``N.C.`` is no chord. A chart is a tune without notes.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NamedTuple

from rnnx.errors import DataError
from rnnx_jazz.chords import Chord, parse_chord
from rnnx_jazz.music import Bar, Change, Tune, bar_ticks, rooted

BLUES = "C7 | F7 | C7 | C7 | F7 | F7 | C7 | A7 | Dm7 | G7 | C7 A7 | Dm7 G7"
MOST_BARS = 1000
TEMPO = 130.0  # quarters a minute, where none is written


class Place(NamedTuple):
    """What stands in a bar: its chords; None holds the one before."""

    chords: tuple[Chord | None, ...]


def parse_chart(
    text: str, bars: int = 0, metre: str = "4/4", tempo: float = TEMPO, where: str = "chords"
) -> Tune:
    """A chart of ``bars`` bars, the text's from its beginning again and again (0: once)."""
    found = re.fullmatch(r"(\d{1,2})/(\d{1,2})", metre.strip())
    if not found:
        raise DataError(f"metre={metre[:20]}: is no metre; write it as 4/4 or 3/4")
    beats, unit = int(found[1]), int(found[2])
    ticks = bar_ticks(beats, unit, "metre")
    places: list[Place] = []
    for written in re.split(r"[|:\[\]\n]+", text):
        if written.strip():
            places.append(_place(written, places, where))
    if not places:
        raise DataError(f"{where}: names no chords; write a chart as 'C7 | F7 | C7 G7 | C7'")
    if len(places) > MOST_BARS:
        raise DataError(f"{where}: has {len(places):,} bars; a chart may have {MOST_BARS:,}")
    made, changes = [], []
    for k, place in enumerate(places):
        made.append(Bar(k * ticks, ticks, (beats, unit)))
        step, rest = divmod(ticks, len(place.chords))
        if rest:
            raise DataError(
                f"{where}: bar {k + 1} of {metre} cannot be shared by {len(place.chords)} chords; "
                "hold chords with ."
            )
        for n, chord in enumerate(place.chords):
            if chord is not None:
                changes.append(Change(k * ticks + n * step, chord))
    if changes[0].start:
        raise DataError(f"{where}: begins without a chord; name one before . or %")
    return extended(Tune("Solo", tuple(made), (), rooted(changes), tempo), bars)


def _place(written: str, before: list[Place], where: str) -> Place:
    words = written.split()
    if words == ["%"]:
        if not before:
            raise DataError(f"{where}: begins with %, which repeats the bar before")
        return before[-1]
    try:
        return Place(tuple(None if word in (".", "/") else parse_chord(word) for word in words))
    except DataError as error:
        raise DataError(f"{where}: bar {len(before) + 1}: {error}") from None


def extended(chart: Tune, bars: int) -> Tune:
    """The first ``bars`` bars of a chart played again and again; 0: the chart itself."""
    if not 0 <= bars <= MOST_BARS:
        raise DataError(f"bars={bars}: must be 0 … {MOST_BARS}")
    if not bars:
        return chart
    made: list[Bar] = []
    changes: list[Change] = []
    while len(made) < bars:
        shift = made[-1].end if made else 0
        again = [bar._replace(start=bar.start + shift) for bar in chart.bars]
        made += again[: bars - len(made)]
        end = made[-1].end
        changes += [
            Change(c.start + shift, c.chord) for c in chart.changes if c.start + shift < end
        ]
    return replace(chart, bars=tuple(made), changes=tuple(changes), notes=())
