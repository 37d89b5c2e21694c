"""Tokens over a chart become notes: exactly those that they were made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rnnx.errors import DataError
from rnnx_jazz.chords import Chord
from rnnx_jazz.music import Note, Tune
from rnnx_jazz.tokens import SOUNDS, Token, first_root, parsed, reached


def decode(bars: Sequence[Sequence[str]], chart: Tune) -> Tune:
    """The tune of one line of tokens a bar; the bars' lengths have to be the chart's."""
    notes: list[Note] = []
    before = first_root(chart.chord_at(0))
    if len(bars) != len(chart.bars):
        raise DataError(f"{len(bars)} bars of tokens for {len(chart.bars)} bars of chords")
    for number, (bar, texts) in enumerate(zip(chart.bars, bars, strict=True), 1):
        now = bar.start
        ticks = 0
        for token in map(parsed, texts):
            ticks = token.ticks or ticks
            if token.kind == "note":
                before = _pitch(token, before, chart.chord_at(now), number)
                notes.append(Note(now, ticks, before))
            elif token.kind == "tie":
                if not notes or notes[-1].end != now:
                    raise DataError(f"bar {number}: there is no note before T that could go on")
                notes[-1] = notes[-1]._replace(length=notes[-1].length + ticks)
            now += ticks if token.kind in SOUNDS else 0
        if now != bar.end:
            raise DataError(f"bar {number}: its tokens do not sum to its length")
    return replace(chart, notes=tuple(notes))


def _pitch(token: Token, before: int, chord: Chord, number: int) -> int:
    if token.degree not in chord.degrees:
        raise DataError(
            f"bar {number}: {chord.name} has no {token.degree}; decode over the chords that the "
            "tokens were made for"
        )
    return reached(before, chord.degrees.index(token.degree), token.leap)
