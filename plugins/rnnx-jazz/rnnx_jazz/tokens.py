"""A melody as tokens: ``TYPE,duration[,<up,down>]``.

    TYPE       R, or C, S, A, X: what the note is to the last chord that began at or before it
    duration   in quarters, a fraction of whole twelfths: 1/2, 3/2, 1/3
    up, down   the interval from the previous note plus and minus a minor third

``C,1/2,<P4,m-2>`` is an eighth, a tone of the chord, a major second above the note before it; who
reads the token chooses a pitch between a semitone below and a fourth above. The first note of a
bar has no interval; rests do not interrupt the chain. There is one name a distance in semitones,
so enharmonic spellings make no second token.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from rnnx.errors import DataError
from rnnx_jazz.music import TICKS, Bar, Note, Tune

STEPS = ("P1", "m2", "M2", "m3", "M3", "P4", "A4", "P5", "m6", "M6", "m7", "M7")
REACH = 3  # semitones, a minor third
TOKEN = re.compile(r"([RCSAX]),(\d+)(?:/(\d+))?(?:,<([mMPA]-?\d+),([mMPA]-?\d+)>)?")
LONGEST = 64 * TICKS


class Token(NamedTuple):
    """A token, read."""

    type: str  # R, C, S, A or X
    ticks: int  # ≥ 1
    step: int | None  # semitones from the previous note: the middle of the window

    def __str__(self) -> str:
        head = f"{self.type},{Fraction(self.ticks, TICKS)}"
        if self.step is None:
            return head
        return f"{head},<{interval(self.step + REACH)},{interval(self.step - REACH)}>"


def interval(semitones: int) -> str:
    """The one name of a distance: P5, m-3 (downwards), M9 (beyond the octave)."""
    octaves, rest = divmod(abs(semitones), 12)
    name = STEPS[rest]
    return f"{name[0]}{'-' if semitones < 0 else ''}{int(name[1]) + 7 * octaves}"


@lru_cache(4096)
def semitones_of(name: str) -> int | None:
    """The distance that ``interval`` calls so, or None."""
    return next((n for n in range(-140, 141) if interval(n) == name), None)


@lru_cache(65536)
def parse(text: str) -> Token | None:
    """The token of a text, or None for what is none."""
    found = TOKEN.fullmatch(text)
    if not found:
        return None
    kind, whole, part, up, down = found.groups()
    ticks = Fraction(int(whole[:9]), int((part or "1")[:9]) or 1) * TICKS
    if ticks.denominator != 1 or not 1 <= ticks <= LONGEST:
        return None
    step = None
    if up:
        high, low = semitones_of(up), semitones_of(down)
        if kind == "R" or high is None or low is None or high - low != 2 * REACH:
            return None
        step = high - REACH
    token = Token(kind, int(ticks), step)
    return token if str(token) == text else None


def parsed(text: str) -> Token:
    """The token of a text; DataError for what is none."""
    token = parse(text)
    if token is None:
        raise DataError(f"{text[:60]!r}: is no token; they read as C,1/2,<P4,m-2> or R,1")
    return token


def encode(tune: Tune) -> list[list[str]]:
    """The tokens of each bar; a bar's durations sum to its length.

    A note that sounds over a bar line is cut there, and begins anew behind it.
    """
    bars: list[list[str]] = []
    notes, place, before = tune.notes, 0, None
    for bar in tune.bars:
        tokens: list[str] = []
        now, is_first = bar.start, True
        while place < len(notes) and notes[place].end <= bar.start:
            place += 1
        k = place
        while k < len(notes) and notes[k].start < bar.end:
            note = _inside(notes[k], bar)
            if note.start > now:
                tokens.append(str(Token("R", note.start - now, None)))
            kind = tune.chord_at(note.start).types[note.pitch % 12]
            step = None if is_first or before is None else note.pitch - before
            tokens.append(str(Token(kind, note.length, step)))
            now, before, is_first = note.end, note.pitch, False
            k += 1
        if now < bar.end:
            tokens.append(str(Token("R", bar.end - now, None)))
        bars.append(tokens)
    return bars


def _inside(note: Note, bar: Bar) -> Note:
    start, end = max(note.start, bar.start), min(note.end, bar.end)
    return Note(start, end - start, note.pitch)
