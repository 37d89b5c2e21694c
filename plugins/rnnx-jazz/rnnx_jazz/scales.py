"""Chord scales: what a player runs over a chord, and the number of each note in it.

A scale is named as musicians name it. It has seven notes with the numbers 1 … 7, so that 3 is the
third and 7 the seventh of any chord; where it has eight, the one that the third, the fifth and
the seventh can spare is number 8.
"""

from __future__ import annotations

from collections.abc import Collection

NUMBERS = (1, 2, 3, 4, 5, 6, 7)
MAJOR = {
    "ionian": dict(zip((0, 2, 4, 5, 7, 9, 11), NUMBERS, strict=True)),
    "mixolydian": dict(zip((0, 2, 4, 5, 7, 9, 10), NUMBERS, strict=True)),
    "lydian": dict(zip((0, 2, 4, 6, 7, 9, 11), NUMBERS, strict=True)),
    "whole_tone": {0: 1, 2: 2, 4: 3, 6: 4, 8: 5, 10: 7},
    "lydian_dominant": dict(zip((0, 2, 4, 6, 7, 9, 10), NUMBERS, strict=True)),
    "mixolydian_b6": dict(zip((0, 2, 4, 5, 7, 8, 10), NUMBERS, strict=True)),
    "half_whole": {0: 1, 1: 2, 3: 8, 4: 3, 6: 4, 7: 5, 9: 6, 10: 7},
    "altered": {0: 1, 1: 2, 3: 8, 4: 3, 6: 4, 8: 5, 10: 7},
    "spanish": {0: 1, 1: 2, 3: 8, 4: 3, 5: 4, 7: 5, 8: 6, 10: 7},
    "lydian_augmented": dict(zip((0, 2, 4, 6, 8, 9, 11), NUMBERS, strict=True)),
}
MINOR = {
    "dorian": dict(zip((0, 2, 3, 5, 7, 9, 10), NUMBERS, strict=True)),
    "aeolian": dict(zip((0, 2, 3, 5, 7, 8, 10), NUMBERS, strict=True)),
    "phrygian": dict(zip((0, 1, 3, 5, 7, 8, 10), NUMBERS, strict=True)),
    "melodic_minor": dict(zip((0, 2, 3, 5, 7, 9, 11), NUMBERS, strict=True)),
    "whole_half": {0: 1, 2: 2, 3: 3, 5: 4, 6: 5, 8: 6, 9: 7, 11: 8},
    "locrian": dict(zip((0, 1, 3, 5, 6, 8, 10), NUMBERS, strict=True)),
    "locrian_2": dict(zip((0, 2, 3, 5, 6, 8, 10), NUMBERS, strict=True)),
}
SUSPENDED = {name: MAJOR[name] for name in ("mixolydian", "ionian")} | {
    "phrygian": MINOR["phrygian"]
}
SCALES = MAJOR | MINOR


def scale_of(tones: Collection[int]) -> tuple[str, dict[int, int]]:
    """The first scale of its family that holds all ``tones`` (semitones above the root).

    The family is the third's: major, minor, or neither. A chord that fits into none has the scale
    numbered 1 … 7 that lacks the fewest of its tones, with those added, numbered from 8 on.
    """
    family = MAJOR if 4 in tones else MINOR if 3 in tones else SUSPENDED
    for name, numbers in family.items():
        if set(tones) <= numbers.keys():
            return name, numbers
    sevens = [name for name, numbers in family.items() if (*numbers.values(),) == NUMBERS]
    name = min(sevens, key=lambda name: len(set(tones) - family[name].keys()))
    added = sorted(set(tones) - family[name].keys())
    return name, family[name] | {tone: 8 + k for k, tone in enumerate(added)}
