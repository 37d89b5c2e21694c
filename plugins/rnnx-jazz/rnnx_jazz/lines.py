"""Which note may follow which: the register, the beats, and how a note outside is resolved."""

from __future__ import annotations

import numpy as np

from rnnx import Array
from rnnx_jazz.chords import NO_CHORD, Chord
from rnnx_jazz.lexicon import ABSENT, Lexicon
from rnnx_jazz.tokens import reached

LOW, HIGH = 55, 84  # MIDI pitches of a solo: G3 … C6


class Lines:
    """The notes of one vocabulary as steps of a line; all arrays are (n_y,)."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._classes: dict[Chord, Array] = {}
        self._inside: dict[Chord, Array] = {}

    def pitch(self, id: int, before: int, chord: Chord) -> int:
        """The pitch of a note that is played over a chord, behind a pitch."""
        return reached(before, int(self._classes_of(chord)[id]), int(self._lexicon.leap[id]))

    def pitches(self, before: int, chord: Chord) -> tuple[Array, Array]:
        """Which notes can be played over a chord, behind a pitch; and the pitches that they are."""
        classes = self._classes_of(chord)
        found: Array = before + (classes - before + 5) % 12 - 5 + 12 * self._lexicon.leap
        return (classes != ABSENT) & (found >= LOW) & (found <= HIGH), found

    def inside(self, chord: Chord) -> Array:
        """The notes of a chord and its scale; where no chord is, all."""
        if chord not in self._inside:
            free = chord.scale == NO_CHORD
            types = [t is not None and (free or t.type in ("C", "S")) for t in self._lexicon.tokens]
            self._inside[chord] = np.array(types) & (self._classes_of(chord) != ABSENT)
        return self._inside[chord]

    def tones(self, chord: Chord) -> Array:
        """The notes of a chord alone; where no chord is, all."""
        return self.inside(chord) & (self._lexicon.is_tone | (chord.scale == NO_CHORD))

    def resolutions(self, pitch: int, chord: Chord) -> set[str]:
        """What a pitch can go on to by a semitone: a tone of the chord, a note inside its scale."""
        found, pitches = self.pitches(pitch, chord)
        near = found & (np.abs(pitches - pitch) == 1)
        tones, inside = self.tones(chord), self.inside(chord)
        kinds = {"tone": near & tones, "inside": near & inside & ~tones}
        return {kind for kind, notes in kinds.items() if notes.any()}

    def _classes_of(self, chord: Chord) -> Array:
        """The pitch class of each note over a chord; ABSENT where it has none."""
        if chord not in self._classes:
            by_degree = {degree: pitch_class for pitch_class, degree in enumerate(chord.degrees)}
            degrees = [token.degree if token else "" for token in self._lexicon.tokens]
            found = [by_degree.get(degree, ABSENT) for degree in degrees]
            self._classes[chord] = np.array(found, np.int64)
        return self._classes[chord]
