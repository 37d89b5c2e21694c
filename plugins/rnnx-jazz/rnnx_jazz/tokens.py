"""A melody over chords as tokens, each a word:

    chord   root+5      its root lies 5 semitones above the root of the chord before (0 … 11)
            dorian      its scale; `none` where no chord is
    event   3/2:1/2     place in the bar : duration, in quarters, whole twelfths of one
            C3          a note, or R a rest, or T: the note before sounds on over the bar line

A bar begins with its chord; a chord that begins inside a bar stands before the first event that
begins under it. Then each event is two words: when and how long, and what.

A note is TYPE and number, and at times a leap. TYPE and number say what it is to its chord, the
last one that began at or before it (chords.py): C3 the third, S6 the sixth of the scale, A3 the
semitone below the third. It is the pitch of that name nearest to the note before, of two the upper
one; each ^ is an octave more, each v an octave less. So every interval is kept, over rests and bar
lines too. The first note of a tune is the nearest to its chord's root in the middle of the
register: transposing a tune leaves its tokens as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from rnnx.errors import DataError
from rnnx_jazz.chords import NO_CHORD, Chord
from rnnx_jazz.music import TICKS, Bar, Note, Tune
from rnnx_jazz.scales import SCALES

HOME = 70  # MIDI pitch: the middle of the melody's register, B♭4
PLACES = 4 * TICKS  # places in a bar that have names of their own
LONGEST = 64 * TICKS
REST, TIE = "R", "T"
SOUNDS = ("note", "rest", "tie")  # kinds of tokens that last as long as the time before them
EVENTS = ("time", *SOUNDS)
TOKEN = re.compile(
    r"root\+(?P<root>\d|1[01])|(?P<scale>[a-z_]+\d?)"
    r"|(?P<place>\d+)(?:/(?P<under>\d+))?:(?P<ticks>\d+)(?:/(?P<part>\d+))?"
    r"|(?P<type>[CSAX])(?P<number>1[0-9]|[1-9])(?P<leap>\^{0,9}|v{1,9})|(?P<silent>[RT])"
)


class Token(NamedTuple):
    """A token, read. What it is not about is empty or −1."""

    kind: str  # root, scale, time, note, rest or tie
    root: int = -1  # semitones
    scale: str = ""
    place: int = -1  # ticks from the bar's beginning
    ticks: int = 0  # of a time's duration, ≥ 1
    degree: str = ""  # of a note: C3
    leap: int = 0  # of a note: octaves above the nearest

    @property
    def type(self) -> str:
        """C, S, A or X of a note; R of a rest; empty for all others."""
        return self.degree[:1] if self.kind == "note" else REST if self.kind == "rest" else ""


def time_token(place: int, ticks: int) -> str:
    """3/2:1/2 of place and duration in ticks."""
    return f"{Fraction(place, TICKS)}:{Fraction(ticks, TICKS)}"


def note_token(degree: str, interval: int) -> str:
    """C3^ of a degree and the semitones from the note before."""
    leap = (interval + 5) // 12
    return degree + "^" * leap + "v" * -leap


@lru_cache(65536)
def parse(text: str) -> Token | None:
    """The token of a text, or None for what is none."""
    found = TOKEN.fullmatch(text)
    if not found:
        return None
    if found["place"]:
        return _time(text, found)
    if found["scale"]:
        known = found["scale"] in SCALES or found["scale"] == NO_CHORD
        return Token("scale", scale=found["scale"]) if known else None
    if found["type"]:
        leap = found["leap"].count("^") - found["leap"].count("v")
        return Token("note", degree=found["type"] + found["number"], leap=leap)
    kind = {None: "root", REST: "rest", TIE: "tie"}[found["silent"]]
    return Token(kind, root=int(found["root"] or -1))


def _time(text: str, found: re.Match[str]) -> Token | None:
    place, ticks = _ticks(found["place"], found["under"]), _ticks(found["ticks"], found["part"])
    if place is None or not 0 <= place < PLACES or ticks is None or not 1 <= ticks <= LONGEST:
        return None
    return Token("time", place=place, ticks=ticks) if time_token(place, ticks) == text else None


def _ticks(whole: str, part: str | None) -> int | None:
    ticks = Fraction(int(whole[:9]), int((part or "1")[:9]) or 1) * TICKS
    return int(ticks) if ticks.denominator == 1 else None


def parsed(text: str) -> Token:
    """The token of a text; DataError for what is none."""
    token = parse(text)
    if token is None:
        raise DataError(
            f"{text[:60]!r}: is no token; they read as root+5, dorian, 3/2:1/2, C3, R or T"
        )
    return token


def place_of(bar: Bar, tick: int) -> int:
    """The name of a place in a bar: a pickup is the end of one, and a long bar begins anew."""
    whole = 4 * TICKS * bar.metre[0] // bar.metre[1]
    before = max(whole - bar.length, 0) if bar.start == 0 else 0
    return (tick - bar.start + before) % PLACES


def first_root(chord: Chord) -> int:
    """The pitch that the first note of a tune is counted from."""
    return nearest(HOME, chord.root)


def nearest(before: int, pitch_class: int) -> int:
    """The pitch of a class nearest to another pitch; of two the upper one."""
    return before + (pitch_class - before + 5) % 12 - 5


def reached(before: int, pitch_class: int, leap: int) -> int:
    """The pitch of a class that lies ``leap`` octaves above the nearest; none beyond MIDI's."""
    pitch = nearest(before, pitch_class) + 12 * leap
    return pitch if 0 <= pitch < 128 else 48 + pitch % 12


def encode(tune: Tune) -> list[list[str]]:
    """The tokens of each bar; a bar's durations sum to its length."""
    writer = _Writer(tune)
    notes, place = tune.notes, 0
    for bar in tune.bars:
        writer.begin(bar)
        now = bar.start
        while place < len(notes) and notes[place].end <= bar.start:
            place += 1
        k = place
        while k < len(notes) and notes[k].start < bar.end:
            note = notes[k]
            begin, end = max(note.start, bar.start), min(note.end, bar.end)
            if begin > now:
                writer.event(now, begin - now, REST)
            writer.note(note, begin, end - begin)
            now, k = end, k + 1
        if now < bar.end:
            writer.event(now, bar.end - now, REST)
    return writer.bars


class _Writer:
    """Where the encoder stands: the chord that was told last, and the pitch before."""

    def __init__(self, tune: Tune) -> None:
        self._tune = tune
        self.bars: list[list[str]] = []
        self._bar = tune.bars[0]
        self._told: Chord | None = None
        self._root = tune.chord_at(0).root
        # Counted from the root that is nearest to it, wherever the tune has it.
        first = tune.notes[0].pitch if tune.notes else self._root
        self._pitch = first - nearest(0, first - self._root)

    def begin(self, bar: Bar) -> None:
        """A new bar, which will tell its chord."""
        self.bars.append([])
        self._bar, self._told = bar, None

    def note(self, note: Note, begin: int, ticks: int) -> None:
        """A note, or what is left of one behind a bar line."""
        if begin > note.start:
            return self.event(begin, ticks, TIE)
        degree = self._tune.chord_at(begin).degrees[note.pitch % 12]
        self.event(begin, ticks, note_token(degree, note.pitch - self._pitch))
        self._pitch = note.pitch
        return None

    def event(self, begin: int, ticks: int, what: str) -> None:
        """When, how long and what, behind the chord where it has to be told."""
        chord = self._tune.chord_at(begin)
        if chord != self._told:
            self.bars[-1] += [f"root+{(chord.root - self._root) % 12}", chord.scale]
            self._told, self._root = chord, chord.root
        self.bars[-1] += [time_token(place_of(self._bar, begin), ticks), what]


def notes_of(tokens: Iterable[str]) -> list[str]:
    """The notes, rests and ties among tokens."""
    return [token for token in tokens if parsed(token).kind in SOUNDS]


def by_bar(tokens: Sequence[str], bars: Sequence[Bar]) -> list[list[str]]:
    """A line of tokens cut at the bar lines."""
    found: list[list[str]] = []
    place = 0
    for bar in bars:
        begin, left, ticks = place, bar.length, 0
        while place < len(tokens) and left > 0:
            token = parsed(tokens[place])
            ticks = token.ticks or ticks
            left -= ticks if token.kind in SOUNDS else 0
            place += 1
        found.append(list(tokens[begin:place]))
    return found
