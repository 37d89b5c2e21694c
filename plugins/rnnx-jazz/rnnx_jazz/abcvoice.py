"""One voice of an ABC tune, item by item."""

from __future__ import annotations

import re
from fractions import Fraction

from rnnx.errors import DataError
from rnnx_jazz.chords import LETTERS, no_chord, parse_chord
from rnnx_jazz.music import TICKS, Change, Note, bar_ticks, to_ticks

SHARPS = "FCGDAEB"
MODES = {"maj": 0, "ion": 0, "mix": -1, "dor": -2, "m": -3, "min": -3, "aeo": -3, "phr": -4}
MODES |= {"loc": -5, "lyd": 1}
SIGNS = {"^": 1, "^^": 2, "_": -1, "__": -2, "=": 0}
TUPLETS = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}  # p notes in the time of q; others: 3 or 2
LONGEST = Fraction(256)  # quarters of one note
# What is meant as a chord symbol, be it one or not: H7, C7x, Hm; words are none.
SYMBOL = re.compile(r"[A-H](?:\S*\d\S*|[#b♯♭]?(?:maj|min|dim|aug|sus|alt|m|M|[^\w\s])*(?:/\S*)?)")


def key_signature(value: str) -> dict[str, int]:
    """Letter → −1 or 1 of K:Bb, K:Gm, K:D dor; nothing for none and for pipes."""
    found = re.match(r"([A-G])([#b]?)\s*([A-Za-z]*)", value)
    if not found or value.startswith("none"):
        return {}
    fifths = SHARPS.index(found[1]) - 1 + 7 * ((found[2] == "#") - (found[2] == "b"))
    fifths += MODES.get(found[3].lower() if found[3] == "m" else found[3].lower()[:3], 0)
    fifths = max(-7, min(7, fifths))
    return dict.fromkeys(
        SHARPS[:fifths] if fifths > 0 else SHARPS[::-1][:-fifths], 1 if fifths > 0 else -1
    )


def metre_of(value: str, where: str) -> tuple[int, int]:
    """4, 4 of M:4/4, C or C|; 4, 4 where there is none."""
    value = value.strip()
    if value in ("C", "", "none"):
        return 4, 4
    if value == "C|":
        return 2, 2
    found = re.fullmatch(r"\(?(\d{1,3}(?:\+\d{1,3})*)\)?/(\d{1,3})", value.replace(" ", ""))
    if not found:
        raise DataError(f"{where}: M:{value[:40]}: is no metre; write it as M:4/4")
    beats, unit = sum(int(n) for n in found[1].split("+")), int(found[2])
    if beats < 1 or unit not in (1, 2, 4, 8, 16):
        raise DataError(f"{where}: M:{value[:40]}: is no metre of halves, quarters or eighths")
    return beats, unit


def unit_of(value: str, where: str) -> Fraction:
    """The quarters of L:1/8."""
    found = re.fullmatch(r"(\d{1,3})(?:/(\d{1,3}))?", value.strip())
    if not found or not int(found[1]) or not int(found[2] or 1):
        raise DataError(f"{where}: L:{value[:40]}: is no length; write it as L:1/8")
    return Fraction(4 * int(found[1]), int(found[2] or 1))


class Voice:
    """Where a voice stands, and what it has sounded so far."""

    def __init__(self, key: dict[str, int], unit: Fraction, metre: tuple[int, int]) -> None:
        self._key, self._unit, self._metre = key, unit, metre
        self.notes: list[tuple[Fraction, Fraction, int]] = []  # start, length, pitch; quarters
        self.bars: list[tuple[int, int, tuple[int, int]]] = []
        self.changes: list[Change] = []
        self.remarks: list[str] = []  # what was passed over
        self.now = Fraction(0)
        self._signs: dict[str, int] = {}  # this bar's accidentals, by letter
        self._tied: set[int] = set()  # pitches that go on in the next note
        self._last: list[int] = []  # places in notes of what sounded last
        self._factor, self._left = Fraction(1), 0  # of a tuplet, and its notes to come
        self._next = Fraction(1)  # what a > before leaves to the next note
        self._length = Fraction(0)  # of the last note

    @property
    def began(self) -> bool:
        """Whether anything was sounded or rested."""
        return self.now > 0

    def field(self, name: str, value: str, where: str) -> None:
        """A field in the middle of the tune."""
        if name == "K":
            self._key = key_signature(value)
        elif name == "L":
            self._unit = unit_of(value, where)
        elif name == "M":
            self._metre = metre_of(value, where)

    def symbol(self, text: str) -> None:
        """A chord symbol; an annotation is passed over. What is none is told in a remark.

        Where it looks like a symbol, another chord sounds than the one before: none is known.
        """
        if text[:1] in ("^", "_", "<", ">", "@"):
            return
        try:
            chord = parse_chord(text)
        except DataError as error:
            looks_so = SYMBOL.fullmatch(text.strip()) is not None
            done = "no chord stands there" if looks_so else "it is words; the chord before goes on"
            self.remarks.append(f"bar {len(self.bars) + 1}: {error}; {done}")
            if not looks_so:
                return
            chord = no_chord(0)
        self.changes.append(Change(to_ticks(self.now), chord))

    def tuplet(self, p: int, q: int, r: int) -> None:
        """(p:q:r, p notes in the time of q for the next r notes."""
        compound = self._metre[0] % 3 == 0 and self._metre[0] > 3
        q = q or TUPLETS.get(p, 3 if compound else 2)
        self._factor, self._left = Fraction(q, p), r or p

    def sound(self, notes: list[str], length: str, more: str = "") -> None:
        """One note, or several that begin together."""
        quarters = self._take(length, more)
        pitches = [self._pitch(note) for note in notes]
        places = []
        for pitch in pitches:
            place = self._tie_to(pitch)
            if place is None:
                place = len(self.notes)
                self.notes.append((self.now, quarters, pitch))
            else:
                start, before, _ = self.notes[place]
                self.notes[place] = (start, before + quarters, pitch)
            places.append(place)
        self._last, self._tied = places, set()
        self.now += quarters

    def rest(self, kind: str, length: str) -> None:
        """z and x rest, Z and X rest for whole bars."""
        if kind in "ZX":
            count = min(int(length) if length.isdecimal() and len(length) < 5 else 1, 1000)
            for _ in range(count):
                self.now += Fraction(bar_ticks(*self._metre, "Z"), TICKS)
                if count > 1:
                    self.bar_line()
        else:
            self.now += self._take(length)
        self._last, self._tied = [], set()

    def tie(self) -> None:
        """The last notes go on in the next ones of their pitch."""
        self._tied = {self.notes[place][2] for place in self._last}

    def broken(self, signs: str) -> None:
        """a>b: the first longer by a half, the second shorter; < the other way round."""
        less = Fraction(1, 2 ** len(signs))
        first, second = (2 - less, less) if signs[0] == ">" else (less, 2 - less)
        change = self._length * (first - 1)
        for place in self._last:
            start, length, pitch = self.notes[place]
            self.notes[place] = (start, length + change, pitch)
        self.now += change
        self._next, self._length = second, Fraction(0)

    def bar_line(self) -> None:
        """Close the bar, if it has anything in it."""
        self._signs = {}
        begin, end = (self.bars[-1][0] + self.bars[-1][1] if self.bars else 0), to_ticks(self.now)
        if end > begin:
            self.bars.append((begin, end - begin, self._metre))

    def merged(self) -> list[Note]:
        """The notes on the grid; what is shorter than a tick has no place on it."""
        found = []
        for start, length, pitch in self.notes:
            begin, end = to_ticks(start), to_ticks(start + length)
            if end > begin and 0 <= pitch < 128:
                found.append(Note(begin, end - begin, pitch))
        return sorted(found)

    def _take(self, *lengths: str) -> Fraction:
        """The length of the next note in quarters."""
        quarters = self._unit * self._next
        for length in lengths:
            quarters *= _multiple(length)
        if self._left:
            quarters *= self._factor
            self._left -= 1
        self._next, self._length = Fraction(1), min(quarters, LONGEST)
        return self._length

    def _pitch(self, text: str) -> int:
        sign, letter, marks = re.match(r"([\^_=]*)([A-Ga-g])([',]*)", text).groups()  # type: ignore[union-attr]
        upper = letter.upper()
        if sign:
            self._signs[upper] = SIGNS[sign]
        shift = self._signs.get(upper, self._key.get(upper, 0))
        octave = (letter != upper) + marks.count("'") - marks.count(",")
        return 60 + LETTERS[upper] + 12 * octave + shift

    def _tie_to(self, pitch: int) -> int | None:
        """The place of the note that goes on in one of this pitch."""
        if pitch not in self._tied:
            return None
        return next((place for place in self._last if self.notes[place][2] == pitch), None)


def _multiple(text: str) -> Fraction:
    """3, 3/2, /2, / and // as multiples of the unit length."""
    over, slashes, under = re.fullmatch(r"(\d*)(/*)(\d*)", text).groups()  # type: ignore[union-attr]
    top = int(over[:6] or 1)
    if not slashes:
        return Fraction(top)
    bottom = int(under[:6]) if under else 2 ** min(len(slashes), 8)
    return Fraction(top, bottom or 1)
