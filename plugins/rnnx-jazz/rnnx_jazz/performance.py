"""How a tune is played: eighths that swing, and notes that are louder and softer than others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from rnnx import require
from rnnx_jazz.music import TICKS, Note, Tune

EVEN, PLAIN = 0.5, 96  # without swing and without accents: half of a beat, and a MIDI velocity
SOFTEST, LOUDEST = 62, 116  # of the melody
COMPING = 54  # of chords and bass
OFF = TICKS // 2  # the eighth between two beats
FINE = 40  # of a tick: what a swung note is placed in


@dataclass(frozen=True)
class Style:
    """What a player does to what is written."""

    swing: float = 0.62
    """Where in a beat its second eighth begins: 0.5 straight, 0.67 a triplet. 0.5 … 0.75."""
    accents: bool = True
    """Peaks and syncopations are louder, low notes between higher ones softer."""

    def __post_init__(self) -> None:
        require(EVEN <= self.swing <= 0.75, "swing", "0.5 … 0.75", self.swing)


SWINGING = Style()


class Played(NamedTuple):
    """A note as it sounds."""

    start: float  # ticks
    end: float  # ticks
    pitch: int
    velocity: int  # 1 … 127


def melody(tune: Tune, style: Style) -> list[Played]:
    """The notes of a tune as they are played."""
    swung = swung_beats(tune) if style.swing > EVEN else set()
    loud = velocities(tune) if style.accents else [PLAIN] * len(tune.notes)

    def when(tick: int) -> float:
        beat, rest = divmod(tick, TICKS)
        return beat * TICKS + off_beat(style.swing) if rest == OFF and beat in swung else tick

    return [
        Played(when(note.start), when(note.end), note.pitch, velocity)
        for note, velocity in zip(tune.notes, loud, strict=True)
    ]


def accompaniment(tune: Tune) -> list[Played]:
    """Bass and chords as they are played: softer than the melody."""
    return [Played(note.start, note.end, note.pitch, COMPING) for note in comping(tune)]


def off_beat(swing: float) -> float:
    """Where in a beat its second eighth begins, in ticks: a fortieth beside the grid at least.

    So what swings can be told from a triplet, and a file of ours is read as it is written.
    """
    fine = round(swing * TICKS * FINE)
    return (fine + 1 if fine % FINE == 0 and fine != OFF * FINE else fine) / FINE


def swung_beats(tune: Tune) -> set[int]:
    """The beats, by number, whose eighths swing: quarters that hold no triplet and no sixteenth."""
    beats = set()
    for bar in tune.bars:
        if bar.metre[1] in (2, 4) and bar.start % TICKS == 0:
            beats |= set(range(bar.start // TICKS, -(-bar.end // TICKS)))
    edges = {edge for note in tune.notes for edge in (note.start, note.end)}
    return beats - {edge // TICKS for edge in edges if edge % OFF}


def velocities(tune: Tune) -> list[int]:
    """How loud each note is, by its place in the line."""
    found = []
    notes = tune.notes
    for k, note in enumerate(notes):
        before = notes[k - 1].pitch if k else note.pitch
        after = notes[k + 1] if k + 1 < len(notes) else None
        following = after.pitch if after else note.pitch
        is_off = note.start % TICKS == OFF
        loud = 84
        if before < note.pitch > following:
            loud += 14  # a peak
        if before > note.pitch < following and note.length <= OFF:
            loud -= 14  # a note that is swallowed
        if is_off and (note.length > OFF or after is None or after.start > note.end):
            loud += 10  # held over the beat, or cut off before it
        elif is_off:
            loud += 4
        elif note.start % (2 * TICKS) == 0:
            loud -= 4  # beats one and three are the plainest
        found.append(min(max(loud, SOFTEST), LOUDEST))
    return found


LOWEST = 48  # the piano's lowest pitch; the bass is below


def comping(tune: Tune) -> list[Note]:
    """Each chord held to the next change, struck anew in every bar: a bass, and tones above.

    Where no chord is nothing sounds.
    """
    edges = sorted({bar.start for bar in tune.bars} | {c.start for c in tune.changes})
    edges = [edge for edge in edges if edge < tune.end]
    notes: list[Note] = []
    for start, end in zip(edges, [*edges[1:], tune.end], strict=True):
        chord = tune.chord_at(start)
        pitches: Iterable[int] = ()
        if chord.tones:
            above = (52 + (tone - 52) % 12 for tone in chord.tones)
            pitches = (28 + (chord.bass - 28) % 12, *above)
        notes += [Note(start, end - start, pitch) for pitch in pitches]
    return notes
