"""Which note may follow which: the register, the beats, and how a note outside is resolved."""

from __future__ import annotations

import numpy as np

from rnnx import Array
from rnnx_jazz.chords import NO_CHORD, Chord
from rnnx_jazz.lexicon import ABSENT, Lexicon
from rnnx_jazz.tokens import moved

LOW, HIGH = 55, 84  # MIDI pitches of a solo: G3 … C6


class Lines:
    """The notes of one vocabulary as steps of a line; all arrays are (n_y,)."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._classes: dict[Chord, Array] = {}
        self._inside: dict[Chord, Array] = {}

    def pitch(self, id: int, before: int, chord: Chord) -> int:
        """The pitch of a note that is played over a chord, behind a pitch."""
        return moved(before, int(self._classes_of(chord)[id]), int(self._lexicon.move[id]))

    def pitches(self, before: int, chord: Chord) -> tuple[Array, Array]:
        """Which notes can be played over a chord, behind a pitch; and the pitches that they are."""
        move, classes = self._lexicon.move, self._classes_of(chord)
        octaves = 12 * (np.abs(move) - 1)
        above = before + (classes - before - 1) % 12 + 1 + octaves
        below = before - (before - classes - 1) % 12 - 1 - octaves
        found = np.where(move > 0, above, np.where(move < 0, below, before))
        return self.anywhere(before, chord) & (found >= LOW) & (found <= HIGH), found

    def anywhere(self, before: int, chord: Chord) -> Array:
        """Which notes can be played over a chord, behind a pitch, out of the register as well."""
        classes = self._classes_of(chord)
        is_known: Array = classes == np.where(self._lexicon.move == 0, before % 12, classes)
        found: Array = is_known & (classes != ABSENT)
        return found

    def inside(self, chord: Chord) -> Array:
        """The notes of a chord and its scale; where no chord is, all."""
        if chord not in self._inside:
            free = chord.scale == NO_CHORD
            types = [t is not None and (free or t.type in ("C", "S")) for t in self._lexicon.tokens]
            self._inside[chord] = np.array(types) & (self._classes_of(chord) != ABSENT)
        return self._inside[chord]

    def is_playable(self, chord: Chord) -> bool:
        """Whether a note of a chord and its scale is known that any other note can lead to."""
        return bool((self.inside(chord) & (self._lexicon.move != 0)).any())

    def resolves(self, pitch: int, chord: Chord) -> bool:
        """Whether a pitch can go on by a semitone into a chord and its scale."""
        found, pitches = self.pitches(pitch, chord)
        return bool((found & self.inside(chord) & (np.abs(pitches - pitch) == 1)).any())

    def _classes_of(self, chord: Chord) -> Array:
        """The pitch class of each note over a chord; ABSENT where it has none."""
        if chord not in self._classes:
            by_degree = {degree: pitch_class for pitch_class, degree in enumerate(chord.degrees)}
            degrees = [token.degree if token else "" for token in self._lexicon.tokens]
            found = [by_degree.get(degree, ABSENT) for degree in degrees]
            self._classes[chord] = np.array(found, np.int64)
        return self._classes[chord]
