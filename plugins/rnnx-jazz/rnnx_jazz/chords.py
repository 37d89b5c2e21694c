"""Chord symbols: C, F#m7b5, Bbmaj7, G7alt, Am/G, and N.C. where none is played.

A chord is a root and the pitch classes that sound over it. A pitch class has a TYPE under a chord:

    C   a tone of the chord
    S   another note of its scale (scales.py): Mixolydian over a dominant, Locrian over m7b5
    A   a semitone from a tone of the chord (an approach)
    X   none of these

and a number, its place in the scale: C3 is the third of any chord. A note outside has the number
of the note of the scale a semitone above it: A3 lies a semitone below the third.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

from rnnx.errors import DataError
from rnnx_jazz.scales import scale_of

LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
NAMES = ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")

SIGNS = {"♭": "b", "♯": "#", "Δ": "maj7", "△": "maj7", "ø": "m7b5", "°": "dim", "−": "-", "–": "-"}
PARTS = re.compile(
    r"(?P<maj>maj|ma|Maj|MAJ|M|j)|(?P<min>min|mi|m|-)|(?P<dim>dim|o(?![a-z]))|(?P<aug>aug|\+)"
    r"|(?P<sus>sus[24]?)|(?P<alt>alt)|(?P<add>add)|(?P<no>(?:no|omit)[35])"
    r"|(?P<degree>[b#]?(?:13|11|10|6/?9|9|7|6|5|4|2))"
)
ROOT = re.compile(r"([A-G])(bb|b|##|#)?")
NO_CHORD = "none"  # the scale of N.C.
DEGREES = {"2": 2, "4": 5, "5": 7, "6": 9, "9": 2, "10": 4, "11": 5, "13": 9}


@dataclass(frozen=True)
class Chord:
    """A root with what sounds over it."""

    name: str  # as written
    root: int  # pitch class, C is 0
    tones: tuple[int, ...]  # pitch classes from the root up
    bass: int  # pitch class

    @property
    def scale(self) -> str:
        """The name of its scale; `none` where no chord is."""
        return self._scale[0] if self.tones else NO_CHORD

    @cached_property
    def types(self) -> str:
        """Twelve letters: the TYPE of each pitch class."""
        return "".join(degree[0] for degree in self.degrees)

    @cached_property
    def degrees(self) -> tuple[str, ...]:
        """TYPE and number of each of the twelve pitch classes; no two are alike."""
        return tuple(self._degree((pitch_class - self.root) % 12) for pitch_class in range(12))

    @cached_property
    def _scale(self) -> tuple[str, dict[int, int]]:
        return scale_of(self._above)

    @cached_property
    def _above(self) -> set[int]:
        """Its tones as semitones above the root."""
        return {(tone - self.root) % 12 for tone in self.tones}

    def _degree(self, above: int) -> str:
        if not self.tones:
            return f"X{above + 1}"
        _, numbers = self._scale
        if above in numbers:
            return f"{'C' if above in self._above else 'S'}{numbers[above]}"
        approaches = {(above + 1) % 12, (above - 1) % 12} & self._above
        return f"{'A' if approaches else 'X'}{numbers[(above + 1) % 12]}"

    def moved(self, semitones: int) -> Chord:
        """The same chord on another root."""
        root = (self.root + semitones) % 12
        if not self.tones:
            return no_chord(root)
        tones = tuple((tone + semitones) % 12 for tone in self.tones)
        name = NAMES[root] + re.sub(ROOT, "", self.name.partition("/")[0], count=1)
        bass = (self.bass + semitones) % 12
        if bass != root:
            name += f"/{NAMES[bass]}"
        return Chord(name, root, tones, bass)


def no_chord(root: int) -> Chord:
    """N.C.: nothing sounds, and every note is X. Its notes are numbered from ``root`` up."""
    return Chord("N.C.", root, (), root)


@lru_cache(4096)
def parse_chord(text: str) -> Chord:
    """The chord of a symbol, N.C. that of none; DataError names what is no symbol."""
    plain = text.strip()
    if plain.upper().rstrip(".") in ("N.C", "NC"):
        return no_chord(0)
    for sign, letters in SIGNS.items():
        plain = plain.replace(sign, letters)
    root, rest = _root(plain, text)
    bass, slash = root, re.search(r"/([A-G](?:bb|b|##|#)?)$", rest)
    if slash:
        bass, rest = _root(slash[1], text)[0], rest[: slash.start()]
    steps = _steps(re.sub(r"[()\[\],\s]", "", rest), text)
    return Chord(text.strip(), root, tuple((root + step) % 12 for step in steps), bass)


def _root(text: str, told: str) -> tuple[int, str]:
    found = ROOT.match(text)
    if not found:
        raise _unknown(told)
    sign = found[2] or ""
    return (LETTERS[found[1]] + sign.count("#") - sign.count("b")) % 12, text[found.end() :]


def _steps(quality: str, told: str) -> tuple[int, ...]:
    """Semitones above the root, sorted."""
    found: dict[str, int | None] = {"third": 4, "fifth": 7, "seventh": None}
    extra: set[int] = set()
    flags: set[str] = set()
    place = 0
    while place < len(quality):
        part = PARTS.match(quality, place)
        if not part or len(quality) > 40:
            raise _unknown(told)
        place = part.end()
        kind, word = str(part.lastgroup), part[0]
        if kind == "degree":
            _degree(word, found, extra, flags)
        else:
            _quality(kind, word, found, extra)
        flags.add(kind)
    return tuple(sorted({0, *extra, *(step for step in found.values() if step is not None)}))


def _quality(kind: str, word: str, found: dict[str, int | None], extra: set[int]) -> None:
    if kind in ("min", "dim"):
        found["third"] = 3
    if kind in ("dim", "aug"):
        found["fifth"] = 6 if kind == "dim" else 8
    if kind == "sus":
        found["third"] = 2 if word == "sus2" else 5
    if kind == "alt":
        found |= {"fifth": None, "seventh": 10}
        extra |= {1, 3, 8}
    if kind == "no":
        found["third" if word.endswith("3") else "fifth"] = None


def _degree(word: str, found: dict[str, int | None], extra: set[int], flags: set[str]) -> None:
    shift = {"b": -1, "#": 1}.get(word[0], 0)
    number = word.lstrip("b#")
    if number in ("69", "6/9"):
        extra |= {9, 2}
    elif number == "7":
        found["seventh"] = 11 if "maj" in flags else 9 if "dim" in flags else 10 + shift
    elif number == "5" and shift:
        found["fifth"] = 7 + shift
    elif number == "5":
        found["third"] = None if not flags else found["third"]  # C5, the bare fifth
    elif number == "4" and not shift and "add" not in flags:
        found["third"] = 5
    else:
        extra.add((DEGREES[number] + shift) % 12)
        if number in ("9", "11", "13") and not shift and "add" not in flags and "6" not in flags:
            found["seventh"] = 11 if "maj" in flags else found["seventh"] or 10
            extra |= {2} if number != "9" else set()


def _unknown(text: str) -> DataError:
    return DataError(
        f"{text[:60]!r}: is no chord symbol; write a root and a kind, as C, Dm7, G7b9, Bbmaj7, "
        "F#m7b5, Edim7 or Am/G"
    )
