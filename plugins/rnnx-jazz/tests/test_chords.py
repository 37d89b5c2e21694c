"""Chord symbols, the scale of each, and what the twelve pitch classes are to them."""

import pytest

from rnnx_jazz.chords import NAMES, no_chord, parse_chord
from rnnx_jazz.scales import SCALES


@pytest.mark.parametrize(
    ("name", "tones"),
    [
        ("C", {0, 4, 7}),
        ("Dm7", {2, 5, 9, 0}),
        ("F#m7b5", {6, 9, 0, 4}),
        ("Bbmaj7", {10, 2, 5, 9}),
        ("B♭Δ", {10, 2, 5, 9}),
        ("Edim7", {4, 7, 10, 1}),
        ("E°7", {4, 7, 10, 1}),
        ("Aø", {9, 0, 3, 7}),
        ("G7b9", {7, 11, 2, 5, 8}),
        ("C6/9", {0, 4, 7, 9, 2}),
        ("C-7", {0, 3, 7, 10}),
        ("Csus4", {0, 5, 7}),
        ("C+", {0, 4, 8}),
        ("Am/G", {9, 0, 4}),
        ("Cm(maj7)", {0, 3, 7, 11}),
        ("C9", {0, 4, 7, 10, 2}),
        ("Cadd9", {0, 4, 7, 2}),
        ("C13", {0, 4, 7, 10, 2, 9}),
    ],
)
def test_chord_symbols(name: str, tones: set[int]) -> None:
    assert set(parse_chord(name).tones) == tones


@pytest.mark.parametrize(
    ("name", "scale", "notes"),
    [
        ("Cmaj7", "ionian", "C D E F G A B"),
        ("C6/9", "ionian", "C D E F G A B"),
        ("C7", "mixolydian", "C D E F G A Bb"),
        ("C13", "mixolydian", "C D E F G A Bb"),
        ("C7sus4", "mixolydian", "C D E F G A Bb"),
        ("Csus4", "mixolydian", "C D E F G A Bb"),
        ("C7#11", "lydian_dominant", "C D E F# G A Bb"),
        ("C7alt", "altered", "C Db Eb E F# Ab Bb"),
        ("C7#5#9", "altered", "C Db Eb E F# Ab Bb"),
        ("C7b9", "half_whole", "C Db Eb E F# G A Bb"),
        ("C7#5", "whole_tone", "C D E F# Ab Bb"),
        ("C7b5", "whole_tone", "C D E F# Ab Bb"),
        ("C7b13", "mixolydian_b6", "C D E F G Ab Bb"),
        ("C7b9b13", "spanish", "C Db Eb E F G Ab Bb"),
        ("Cmaj7#11", "lydian", "C D E F# G A B"),
        ("Cmaj7#5", "lydian_augmented", "C D E F# Ab A B"),
        ("Cm7", "dorian", "C D Eb F G A Bb"),
        ("Cm6", "dorian", "C D Eb F G A Bb"),
        ("Cm(maj7)", "melodic_minor", "C D Eb F G A B"),
        ("Cm7b5", "locrian", "C Db Eb F F# Ab Bb"),
        ("Cm9b5", "locrian_2", "C D Eb F F# Ab Bb"),
        ("Cdim7", "whole_half", "C D Eb F F# Ab A B"),
        ("Cdim", "whole_half", "C D Eb F F# Ab A B"),
        ("C+", "whole_tone", "C D E F# Ab Bb"),
    ],
)
def test_the_scale_of_a_chord(name: str, scale: str, notes: str) -> None:
    for semitones in range(12):
        chord = parse_chord(name).moved(semitones)
        inside = {pc for pc in range(12) if chord.types[pc] in "CS"}
        assert chord.scale == scale
        assert inside == {(NAMES.index(note) + semitones) % 12 for note in notes.split()}


@pytest.mark.parametrize("kind", ["", "m", "7", "maj7", "m7b5", "dim7", "7alt", "7b9", "+", "sus4"])
def test_every_pitch_class_has_a_name_of_its_own(kind: str) -> None:
    degrees = parse_chord(f"D{kind}").degrees
    assert len(set(degrees)) == 12
    assert [degree for degree in degrees if degree[0] == "C"] != []


def test_thirds_and_sevenths_are_called_so() -> None:
    for name, third, seventh in (("C7", 4, 10), ("Cm7", 3, 10), ("Cmaj7", 4, 11), ("Cdim7", 3, 9)):
        degrees = parse_chord(name).degrees
        assert (degrees[third], degrees[seventh]) == ("C3", "C7")
    assert parse_chord("C7alt").degrees[3:5] == ("C8", "C3")  # the sharp ninth, and the third


def test_a_chord_of_no_scale_has_its_own_notes_added() -> None:
    chord = parse_chord("Cm(maj7)b5b9")
    assert {chord.degrees[pc][0] for pc in chord.tones} == {"C"}
    assert len(set(chord.degrees)) == 12 and chord.scale in SCALES
    dominant = parse_chord("C13b9")  # its seventh stays minor
    assert dominant.scale == "mixolydian" and dominant.degrees[10:] == ("C7", "A1")


def test_types_of_a_chord() -> None:
    assert parse_chord("C").types == "CASACSACASXS"
    assert parse_chord("C7").types == "CASACSACASCA"
    assert parse_chord("Dm7").types[2] == "C" and parse_chord("Dm7").types[11] == "S"
    assert parse_chord("Am7b5").types[4] == "A"  # its natural fifth is none of its scale's


def test_where_no_chord_is_there_are_no_tones() -> None:
    chord = no_chord(7)
    assert chord.types == "X" * 12 and chord.scale == "none"
    assert len(set(chord.degrees)) == 12 and chord.degrees[7] == "X1"
