"""Tokens over a chart become notes: each TYPE a pitch of that type, near where its window says.

    w(p) = 2^(−|p − middle|) · 2^(−|p − home| / 2) · (¼ where p repeats the pitch before)

over the pitches of the right TYPE in the window; one is drawn. The pull towards home keeps the
line from drifting to the end of its range, where it would stick.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rnnx.errors import DataError
from rnnx_jazz.music import Note, Tune
from rnnx_jazz.tokens import REACH, Token, parsed

LOW, HIGH, HOME = 55, 84, 70  # MIDI pitches: G3 … C6, and the middle of the melody's register


def decode(bars: Sequence[Sequence[str]], chart: Tune, rng: np.random.Generator) -> Tune:
    """The tune of one line of tokens a bar; the bars' lengths have to be the chart's."""
    notes: list[Note] = []
    before: int | None = None
    if len(bars) != len(chart.bars):
        raise DataError(f"{len(bars)} bars of tokens for {len(chart.bars)} bars of chords")
    for number, (bar, texts) in enumerate(zip(chart.bars, bars, strict=True)):
        now = bar.start
        for text in texts:
            token = parsed(text)
            if token.type != "R":
                before = _pitch(token, before, chart.chord_at(now).types, rng)
                notes.append(Note(now, token.ticks, before))
            now += token.ticks
        if now != bar.end:
            raise DataError(f"bar {number + 1}: its tokens do not sum to its length")
    return replace(chart, notes=tuple(notes))


def _pitch(token: Token, before: int | None, types: str, rng: np.random.Generator) -> int:
    pitches = np.array([p for p in range(LOW, HIGH + 1) if types[p % 12] == token.type])
    if not len(pitches):
        raise DataError(f"{token}: no pitch has its type under this chord")
    if token.step is None or before is None:
        middle, slope = (HOME if before is None else before), 0.5
    else:
        middle, slope = before + token.step, 1.0
        inside = np.abs(pitches - middle) <= REACH
        if inside.any():
            pitches = pitches[inside]
        else:  # the range ends here, or the type is rare: the nearest
            distance = np.abs(pitches - middle)
            pitches = pitches[distance == distance.min()]
    exponents = slope * np.abs(pitches - middle) + np.abs(pitches - HOME) / 2
    weights = np.exp2(exponents.min() - exponents)
    if token.step != 0 and before is not None:
        weights[pitches == before] /= 4
    total = np.cumsum(weights)
    return int(pitches[np.count_nonzero(total <= rng.random() * total[-1])])


def by_bar(tokens: Sequence[str], chart: Tune) -> list[list[str]]:
    """A line of tokens cut at the chart's bar lines."""
    bars: list[list[str]] = []
    rest = list(tokens)
    for bar in chart.bars:
        inside, left = [], bar.length
        while rest and left > 0:
            inside.append(rest.pop(0))
            left -= parsed(inside[-1]).ticks
        bars.append(inside)
    return bars
