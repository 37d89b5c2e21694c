"""A file of music as it was read: parts, bars and written chords, before a melody is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rnnx.errors import DataError
from rnnx_jazz.inference import infer
from rnnx_jazz.music import Bar, Change, Note, Tune

SHORT = 3  # ticks: gaps below a sixteenth in a played performance are articulation
LEADS = ("melody", "solo", "lead", "vocal", "voice", "sax", "trumpet", "flute", "violin")


@dataclass(frozen=True)
class Part:
    """One voice, instrument or track."""

    name: str
    notes: tuple[Note, ...]  # by start; they may overlap
    percussion: bool = False


@dataclass(frozen=True)
class Score:
    """All that a file, or one tune of it, holds."""

    title: str
    bars: tuple[Bar, ...]
    parts: tuple[Part, ...]
    changes: tuple[Change, ...]  # the written chords; empty where there are none
    tempo: float = 130.0
    played: bool = False  # timed by a performer's hands, as MIDI may be
    fault: str = ""  # why it cannot be read, where other tunes of its file can
    remarks: tuple[str, ...] = ()  # what was passed over, a line each


@dataclass(frozen=True)
class Choice:
    """Which parts are melody and accompaniment: a number from 1, a name or a piece of one."""

    melody: str = ""
    comp: str = ""  # several with commas between them
    chord_window: float = 0.5  # of a bar, that one chord is found in


def tune_of(score: Score, choice: Choice, where: str) -> Tune:
    """The melody over its chords; DataError where there is none."""
    refuse_faulty(score)
    melody = melody_of(score, choice, where)
    notes = skyline(score.parts[melody].notes, score.played)
    if not score.bars or not notes:
        raise DataError(f"{where}: part {melody + 1} has no notes; {_listed(score)}")
    changes = score.changes or _inferred(score, melody, choice, where)
    end = score.bars[-1].end
    notes = [n._replace(length=min(n.length, end - n.start)) for n in notes if n.start < end]
    return Tune(score.title, score.bars, tuple(notes), changes, score.tempo)


def refuse_faulty(score: Score) -> None:
    """DataError for a tune that could not be read."""
    if score.fault:
        raise DataError(score.fault)


def changes_of(score: Score, choice: Choice, where: str) -> tuple[Change, ...]:
    """The written chords, or those of the accompaniment; of all parts where no melody is one."""
    if score.changes:
        return score.changes
    sounding = [k for k, part in enumerate(score.parts) if part.notes and not part.percussion]
    no_melody = -1
    melody = melody_of(score, choice, where) if len(sounding) > 1 else no_melody
    return _inferred(score, melody, choice, where)


def melody_of(score: Score, choice: Choice, where: str) -> int:
    """The place of the melody's part; DataError where nothing can be one."""
    sounding = [k for k, part in enumerate(score.parts) if part.notes and not part.percussion]
    if choice.melody:
        chosen = _find(score, choice.melody, "melody", where)
        if score.parts[chosen].percussion:
            raise DataError(f"{where}: part {chosen + 1} is percussion; {_listed(score)}")
        return chosen
    if not sounding:
        raise DataError(f"{where}: there is no melody part: no part has notes with pitches")
    named = [k for k in sounding if any(w in score.parts[k].name.lower() for w in LEADS)]
    return max(named or sounding, key=lambda k: (_lead(score.parts[k]), -k))


def _lead(part: Part) -> float:
    """How much a part is like a melody: high, and one note at a time."""
    notes = part.notes
    mean = sum(note.pitch for note in notes) / len(notes)
    starts = len({note.start for note in notes})
    return mean + 60 * starts / len(notes)


def comp_of(score: Score, melody: int, choice: Choice, where: str) -> list[int]:
    """The places of the accompaniment's parts; the melody's own where it has chords below it."""
    if choice.comp:
        return [_find(score, name, "comp", where) for name in choice.comp.split(",")]
    others = [
        k
        for k, part in enumerate(score.parts)
        if k != melody and part.notes and not part.percussion
    ]
    if others or melody < 0:
        return others
    both = score.parts[melody]  # one track of a piano, say, with both hands in it
    return [melody] if 4 * len(_below_melody(both)) >= len(both.notes) else []


def _below_melody(part: Part) -> list[Note]:
    """The notes of a part that are not its highest at their beginning."""
    highest = {(note.start, note.pitch) for note in skyline(part.notes, False)}
    return [note for note in part.notes if (note.start, note.pitch) not in highest]


def _inferred(score: Score, melody: int, choice: Choice, where: str) -> tuple[Change, ...]:
    comp = comp_of(score, melody, choice, where)
    parts = [(k, score.parts[k]) for k in comp]
    notes = [n for k, part in parts for n in (_below_melody(part) if k == melody else part.notes)]
    if not notes:
        raise DataError(
            f"{where}: there are no chords: no chord symbols, and no accompaniment to find them "
            "in; write chord symbols or name the accompaniment's parts (comp)"
        )
    found = infer(notes, score.bars, choice.chord_window)
    if not found:
        raise DataError(
            f"{where}: no chord was found in the accompaniment; name other parts (comp)"
        )
    return found


def _find(score: Score, name: str, what: str, where: str) -> int:
    """The part of a number from 1, a name, or a piece of one that no other has."""
    name = name.strip()
    if name.isdecimal() and len(name) < 6 and 1 <= int(name) <= len(score.parts):
        return int(name) - 1
    exact = [k for k, part in enumerate(score.parts) if part.name == name]
    close = [k for k, part in enumerate(score.parts) if name and name.lower() in part.name.lower()]
    found = exact or close
    if len(found) != 1 or not found:
        many = f"{len(found)} parts are called so" if found else "there is no such part"
        raise DataError(f"{where}: {what}={name}: {many}; {_listed(score)}")
    return found[0]


def _listed(score: Score) -> str:
    names = [
        f"{k + 1} {part.name or '(no name)'} ({len(part.notes)} notes)"
        for k, part in enumerate(score.parts[:12])
    ]
    return f"the parts are {', '.join(names) or '—'}"


def _stands_out(note: Note) -> tuple[bool, int, int]:
    """What the melody is among notes that begin together: no ornament of a tick, and high."""
    return note.length > 1, note.pitch, note.length


def skyline(notes: Sequence[Note], played: bool) -> list[Note]:
    """One note at a time: the highest that begins, until the next one begins."""
    highest: dict[int, Note] = {}
    for note in notes:
        known = highest.get(note.start)
        if known is None or _stands_out(note) > _stands_out(known):
            highest[note.start] = note
    line = [highest[start] for start in sorted(highest)]
    for k, note in enumerate(line[:-1]):
        gap = line[k + 1].start - note.end
        if gap < 0 or (played and gap < SHORT):
            line[k] = note._replace(length=line[k + 1].start - note.start)
    return line
