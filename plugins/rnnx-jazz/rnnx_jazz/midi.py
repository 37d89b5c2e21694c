"""MIDI files ↔ scores, with mido."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any, NamedTuple

from rnnx.errors import DataError
from rnnx_jazz.music import MOST_BARS, TICKS, Bar, Note, Tune, bar_ticks, refuse_long
from rnnx_jazz.scores import Part, Score

PER_QUARTER = 480  # MIDI ticks of what is written
MELODY, COMP, BASS = 65, 0, 32  # General MIDI programs: alto saxophone, piano, acoustic bass
DRUMS = 9  # the channel of percussion


class Event(NamedTuple):
    """A message at its tick of the grid."""

    tick: int
    track: int
    message: Any


def read_midi(data: bytes, where: str) -> Score:
    """The score of a MIDI file's bytes; DataError for what is none."""
    import mido

    try:
        file = mido.MidiFile(file=io.BytesIO(data), clip=True)
        events = _events(file)
    except DataError:
        raise
    except Exception as error:  # mido meets damage with errors of many kinds
        cause = " ".join(str(error).split())[:100] or type(error).__name__
        raise DataError(f"{where}: is no whole MIDI file ({cause})") from None
    parts = _parts(events, [_name(track) for track in file.tracks])
    refuse_long(0, sum(len(part.notes) for part in parts), where)
    end = max((note.end for part in parts for note in part.notes), default=0)
    bars = _bars(events, end, where)
    tempo = next((60e6 / e.message.tempo for e in events if e.message.type == "set_tempo"), 120.0)
    title = next((name for name in map(_name, file.tracks) if name), "")
    return Score(title, bars, tuple(parts), (), min(max(tempo, 10.0), 600.0), played=True)


def _events(file: Any) -> list[Event]:
    """All messages by tick; at one tick notes end before others begin."""
    per_quarter = file.ticks_per_beat
    if per_quarter <= 0:
        raise DataError("the file counts frames of film, not quarters")
    found = []
    for k, track in enumerate(file.tracks):
        now = 0
        for message in track:
            now += message.time
            found.append(Event(round(now * TICKS / per_quarter), k, message))
    return sorted(found, key=lambda event: (event.tick, not _ends(event.message)))


def _ends(message: Any) -> bool:
    return bool(message.type == "note_off" or (message.type == "note_on" and message.velocity == 0))


def _name(track: Any) -> str:
    name = next((m.name for m in track if m.type == "track_name"), "")
    return " ".join("".join(c for c in name if c.isprintable()).split())


def _parts(events: list[Event], names: list[str]) -> list[Part]:
    """A part for each channel of each track that has notes."""
    notes: dict[tuple[int, int], list[Note]] = {}
    open_: dict[tuple[int, int, int], list[int]] = {}
    last = 0
    for tick, track, message in events:
        last = max(last, tick)
        if message.type not in ("note_on", "note_off"):
            continue
        key, pitch = (track, message.channel), message.note
        if not _ends(message):
            notes.setdefault(key, [])
            open_.setdefault((*key, pitch), []).append(tick)
        elif open_.get((*key, pitch)):
            start = open_[*key, pitch].pop(0)
            notes[key].append(Note(start, max(tick - start, 1), pitch))
    for (track, channel, pitch), starts in open_.items():  # never ended: until the file does
        notes[track, channel] += [Note(start, max(last - start, 1), pitch) for start in starts]
    return [
        Part(names[track], tuple(sorted(notes[track, channel])), channel == DRUMS)
        for track, channel in sorted(notes)
    ]


def _bars(events: Iterable[Event], end: int, where: str) -> tuple[Bar, ...]:
    """Bars up to ``end``; a metre that begins inside a bar ends it."""
    metres = {
        e.tick: (e.message.numerator, e.message.denominator)
        for e in events
        if e.message.type == "time_signature" and e.tick < end
    }
    changes = sorted({0: (4, 4), **metres}.items())
    bars: list[Bar] = []
    for k, (start, metre) in enumerate(changes):
        stop = changes[k + 1][0] if k + 1 < len(changes) else end
        length, is_last = bar_ticks(*metre, where), k + 1 == len(changes)
        refuse_long(len(bars) + min((stop - start) // length, MOST_BARS + 1), 0, where)
        for begin in range(start, stop, length):
            bars.append(Bar(begin, length if is_last else min(length, stop - begin), metre))
    if len(bars) > 1 and bars[0].length < bars[1].length and bars[0].metre != bars[1].metre:
        bars[0] = bars[0]._replace(metre=bars[1].metre)  # one short bar at first: a pickup
    return tuple(bars)


def midi_bytes(tune: Tune) -> bytes:
    """A MIDI file of a melody over its chords: the same bytes for the same tune."""
    import mido

    file = mido.MidiFile(type=1, ticks_per_beat=PER_QUARTER)
    head = [(0, mido.MetaMessage("track_name", name=_latin(tune.title)))]
    head.append((0, mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tune.tempo))))
    before = None
    for bar in tune.bars:
        metre = _written_metre(bar)
        if metre != before:
            names = {"numerator": metre[0], "denominator": metre[1]}
            head.append((bar.start, mido.MetaMessage("time_signature", **names)))
            before = metre
    file.tracks.append(_track(head, tune.end))
    chords = comping(tune)
    for name, channel, program, notes in (
        ("Melody", 0, MELODY, tune.notes),
        ("Piano", 1, COMP, [n for n in chords if n.pitch >= LOWEST]),
        ("Bass", 2, BASS, [n for n in chords if n.pitch < LOWEST]),
    ):
        messages = [(0, mido.MetaMessage("track_name", name=name))]
        messages.append((0, mido.Message("program_change", program=program, channel=channel)))
        loud = 96 if channel == 0 else 56
        for note in sorted(notes):
            sound = {"note": note.pitch, "channel": channel}
            messages.append((note.start, mido.Message("note_on", velocity=loud, **sound)))
            messages.append((note.end, mido.Message("note_off", velocity=0, **sound)))
        file.tracks.append(_track(messages, tune.end))
    out = io.BytesIO()
    file.save(file=out)
    return out.getvalue()


LOWEST = 48  # the piano's lowest pitch; the bass is below


def comping(tune: Tune) -> list[Note]:
    """Each chord held to the next change, struck anew in every bar: a bass, and tones above.

    Where no chord is nothing sounds.
    """
    edges = sorted({bar.start for bar in tune.bars} | {c.start for c in tune.changes})
    edges = [edge for edge in edges if edge < tune.end]
    notes = []
    for start, end in zip(edges, [*edges[1:], tune.end], strict=True):
        chord = tune.chord_at(start)
        if not chord.tones:
            continue
        pitches = [28 + (chord.bass - 28) % 12, *(52 + (tone - 52) % 12 for tone in chord.tones)]
        notes += [Note(start, end - start, pitch) for pitch in pitches]
    return notes


def _track(messages: list[tuple[int, Any]], end: int) -> Any:
    """Messages at their ticks as a track, whose times are the distances between them."""
    import mido

    track, now = mido.MidiTrack(), 0
    scale = PER_QUARTER // TICKS
    for tick, message in sorted(messages, key=lambda m: (m[0], not _ends(m[1]))):
        track.append(message.copy(time=(tick - now) * scale))
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=max(end - now, 0) * scale))
    return track


def _written_metre(bar: Bar) -> tuple[int, int]:
    """The bar's metre, or one as short as the bar where it is a pickup."""
    beats, unit = bar.metre
    if bar.length * unit == 4 * TICKS * beats:
        return bar.metre
    for unit in (4, 8, 16):
        beats, rest = divmod(bar.length * unit, 4 * TICKS)
        if not rest and beats < 256:
            return beats, unit
    return bar.metre


def _latin(text: str) -> str:
    """MIDI names are bytes; mido writes them as Latin-1."""
    return text.encode("latin-1", "replace").decode("latin-1")
