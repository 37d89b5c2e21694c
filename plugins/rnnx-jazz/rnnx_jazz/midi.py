"""MIDI files ↔ scores, with mido."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from rnnx.errors import DataError
from rnnx_jazz.music import MOST_BARS, TICKS, Bar, Note, Tune, bar_ticks, refuse_long
from rnnx_jazz.performance import EVEN, LOWEST, SWINGING, Style, accompaniment, melody, off_beat
from rnnx_jazz.scores import Part, Score

PER_QUARTER = 480  # MIDI ticks of what is written
SCALE = PER_QUARTER // TICKS
SWING = "rnnx-jazz: the second eighth of a beat begins at "  # of 480: what a file tells of it
MELODY, COMP, BASS = 65, 0, 32  # General MIDI programs: alto saxophone, piano, acoustic bass
PICKUP = 0.75  # of the next bar: what a short first bar has at most
DRUMS = 9  # the channel of percussion


class Event(NamedTuple):
    """A message at its time."""

    at: Fraction  # ticks of the grid
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
    """All messages by time; those of one time in the file's order."""
    per_quarter = file.ticks_per_beat
    if per_quarter <= 0:
        raise DataError("the file counts frames of film, not quarters")
    swung = _swung(file)
    found = []
    for k, track in enumerate(file.tracks):
        now = 0
        for message in track:
            now += message.time
            beat, rest = divmod(now, per_quarter)
            is_off = rest == swung and per_quarter == PER_QUARTER
            at = beat * per_quarter + (PER_QUARTER // 2 if is_off else rest)
            found.append(Event(Fraction(at * TICKS, per_quarter), k, message))
    return sorted(found, key=lambda event: event.at)


def _swung(file: Any) -> int | None:
    """Where off-beats were put by us, so that they are read as eighths again."""
    told = next((m.text for m in _all(file) if m.type == "text" and m.text.startswith(SWING)), "")
    at = told.removeprefix(SWING)
    return int(at) if at.isdecimal() and len(at) < 4 else None


def _all(file: Any) -> Iterator[Any]:
    return (message for track in file.tracks for message in track)


def _ends(message: Any) -> bool:
    return bool(message.type == "note_off" or (message.type == "note_on" and message.velocity == 0))


def _name(track: Any) -> str:
    name = next((m.name for m in track if m.type == "track_name"), "")
    return " ".join("".join(c for c in name if c.isprintable()).split())


def _parts(events: list[Event], names: list[str]) -> list[Part]:
    """A part for each channel of each track that has notes.

    An end belongs to the first note of its pitch that still sounds, as played: on the grid a short
    note begins and ends at one tick.
    """
    notes: dict[tuple[int, int], list[Note]] = {}
    open_: dict[tuple[int, int, int], list[Fraction]] = {}
    last = Fraction(0)
    for at, track, message in events:
        last = max(last, at)
        if message.type not in ("note_on", "note_off"):
            continue
        key, pitch = (track, message.channel), message.note
        if not _ends(message):
            notes.setdefault(key, [])
            open_.setdefault((*key, pitch), []).append(at)
        elif open_.get((*key, pitch)):
            notes[key].append(_on_grid(open_[*key, pitch].pop(0), at, pitch))
    for (track, channel, pitch), starts in open_.items():  # never ended: until the file does
        notes[track, channel] += [_on_grid(start, last, pitch) for start in starts]
    return [
        Part(names[track], tuple(sorted(notes[track, channel])), channel == DRUMS)
        for track, channel in sorted(notes)
    ]


def _on_grid(start: Fraction, end: Fraction, pitch: int) -> Note:
    return Note(round(start), max(round(end) - round(start), 1), pitch)


def _bars(events: Iterable[Event], end: int, where: str) -> tuple[Bar, ...]:
    """Bars up to ``end``; a metre that begins inside a bar ends it."""
    metres = {
        round(e.at): (e.message.numerator, e.message.denominator)
        for e in events
        if e.message.type == "time_signature" and round(e.at) < end
    }
    changes = sorted({0: (4, 4), **metres}.items())
    bars: list[Bar] = []
    for k, (start, metre) in enumerate(changes):
        stop = changes[k + 1][0] if k + 1 < len(changes) else end
        length, is_last = bar_ticks(*metre, where), k + 1 == len(changes)
        refuse_long(len(bars) + min((stop - start) // length, MOST_BARS + 1), 0, where)
        for begin in range(start, stop, length):
            bars.append(Bar(begin, length if is_last else min(length, stop - begin), metre))
    if len(bars) > 1 and bars[0].length <= PICKUP * bars[1].length:
        bars[0] = bars[0]._replace(metre=bars[1].metre)
    return tuple(bars)


def midi_bytes(tune: Tune, style: Style = SWINGING) -> bytes:
    """A MIDI file of a melody over its chords: the same bytes for the same tune and style."""
    import mido

    file = mido.MidiFile(type=1, ticks_per_beat=PER_QUARTER)
    head = [(0, mido.MetaMessage("track_name", name=_latin(tune.title)))]
    head.append((0, mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tune.tempo))))
    if style.swing > EVEN:
        head.append(
            (0, mido.MetaMessage("text", text=f"{SWING}{round(off_beat(style.swing) * SCALE)}"))
        )
    before = None
    for bar in tune.bars:
        metre = _written_metre(bar)
        if metre != before:
            names = {"numerator": metre[0], "denominator": metre[1]}
            head.append((bar.start * SCALE, mido.MetaMessage("time_signature", **names)))
            before = metre
    file.tracks.append(_track(head, tune.end))
    chords = accompaniment(tune)
    for name, channel, program, notes in (
        ("Melody", 0, MELODY, melody(tune, style)),
        ("Piano", 1, COMP, [n for n in chords if n.pitch >= LOWEST]),
        ("Bass", 2, BASS, [n for n in chords if n.pitch < LOWEST]),
    ):
        messages = [(0, mido.MetaMessage("track_name", name=name))]
        messages.append((0, mido.Message("program_change", program=program, channel=channel)))
        for note in sorted(notes):
            sound = {"note": note.pitch, "channel": channel}
            begins, ends = round(note.start * SCALE), round(note.end * SCALE)
            messages.append((begins, mido.Message("note_on", velocity=note.velocity, **sound)))
            messages.append((ends, mido.Message("note_off", velocity=0, **sound)))
        file.tracks.append(_track(messages, tune.end))
    out = io.BytesIO()
    file.save(file=out)
    return out.getvalue()


def _track(messages: list[tuple[int, Any]], end: int) -> Any:
    """Messages at their times as a track, whose times are the distances between them."""
    import mido

    track, now = mido.MidiTrack(), 0
    for at, message in sorted(messages, key=lambda m: (m[0], not _ends(m[1]))):
        track.append(message.copy(time=at - now))
        now = at
    track.append(mido.MetaMessage("end_of_track", time=max(end * SCALE - now, 0)))
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
