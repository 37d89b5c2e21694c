"""MusicXML ↔ scores, with music21: from text alone, so that no cached parse is ever read."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from rnnx.errors import DataError
from rnnx_jazz.chords import NAMES, ROOT, Chord, no_chord, parse_chord
from rnnx_jazz.inference import simplest
from rnnx_jazz.music import TICKS, Bar, Change, Note, Tune, refuse_long, rooted, to_ticks
from rnnx_jazz.scores import Part, Score


def read_musicxml(data: bytes, where: str) -> Score:
    """The score of a file's bytes; DataError for what is none."""
    text = _text(data, where)
    if "<!ENTITY" in text:
        raise DataError(f"{where}: declares entities of its own; export it anew without them")
    if "<score-partwise" not in text and "<score-timewise" not in text:
        raise DataError(f"{where}: is no MusicXML: it has no <score-partwise>")
    parts = max(text.count("<part "), 1)
    refuse_long(text.count("<measure") // parts, text.count("<note"), where)
    from music21 import converter

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stream = converter.parseData(text, format="musicxml", forceSource=True)
            return score_of(stream)
    except DataError:
        raise
    except Exception as error:  # music21 meets damage with errors of many kinds
        cause = " ".join(str(error).split())[:100] or type(error).__name__
        raise DataError(f"{where}: is no whole MusicXML ({cause})") from None


def _text(data: bytes, where: str) -> str:
    """The file's characters, without the line that told their encoding."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    told = re.match(rb"[^>]*encoding=[\"']([A-Za-z0-9._-]+)[\"']", data[:200])
    if told and encoding != "utf-16":
        encoding = {"utf-8": "utf-8-sig"}.get(told[1].decode().lower(), told[1].decode())
    try:
        text = data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        raise DataError(f"{where}: is not text in {encoding[:40]}; give whole MusicXML") from None
    return re.sub(r"^\s*<\?xml[^>]*\?>", "", text)


def score_of(stream: Any) -> Score:
    """A music21 stream as a score, at sounding pitch: a part's chord symbols move with it."""
    stream = stream.toSoundingPitch()
    parts = list(stream.parts) or [stream]
    bars = max((_bars(part) for part in parts), key=len)
    changes = list(rooted(list(_changes(stream))))
    if changes:
        changes[0] = changes[0]._replace(start=0)
    about = stream.metadata
    title = str(about.bestTitle or "") if about else ""
    marks = stream.recurse().getElementsByClass("MetronomeMark")
    tempo = next((mark.getQuarterBPM() for mark in marks if mark.number), None) or 130.0
    tempo = min(max(float(tempo), 10.0), 600.0)
    return Score(title, bars, tuple(_part(part) for part in parts), tuple(changes), tempo)


def _bars(part: Any) -> tuple[Bar, ...]:
    """The measures as they are written: a pickup is as long as what is in it."""
    measures = list(part.getElementsByClass("Measure"))
    starts = [to_ticks(measure.offset) for measure in measures]
    bars, metre = [], (4, 4)
    for k, measure in enumerate(measures):
        if measure.timeSignature is not None:
            metre = measure.timeSignature.numerator, measure.timeSignature.denominator
        inside = to_ticks(measure.duration.quarterLength) or 4 * TICKS * metre[0] // metre[1]
        length = starts[k + 1] - starts[k] if k + 1 < len(starts) else inside
        if length > 0:
            bars.append(Bar(starts[k], length, metre))
    return tuple(bars)


def _part(part: Any) -> Part:
    """The notes of a part; tied ones are one note."""
    notes: list[Note] = []
    unpitched, by_pitch = 0, dict[int, int]()
    for element in part.flatten().notes:
        if "ChordSymbol" in element.classes or not element.duration.quarterLength:
            continue
        inside = element.notes if "Chord" in element.classes else [element]
        for note in inside:
            if not hasattr(note, "pitch"):
                unpitched += 1
                continue
            start = to_ticks(element.offset)
            length = to_ticks(element.offset + element.duration.quarterLength) - start
            pitch, tie = note.pitch.midi, note.tie or element.tie
            place = by_pitch.get(pitch)
            if tie and tie.type in ("stop", "continue") and place is not None:
                before = notes[place]
                if before.end == start:
                    notes[place] = before._replace(length=before.length + length)
                    continue
            if length > 0:
                by_pitch[pitch] = len(notes)
                notes.append(Note(start, length, pitch))
    name = str(part.partName or part.id) if part.partName or isinstance(part.id, str) else ""
    return Part(" ".join(name.split()), tuple(sorted(notes)), unpitched > len(notes))


def _changes(stream: Any) -> Iterator[Change]:
    for symbol in stream.recurse().getElementsByClass("ChordSymbol"):
        start = to_ticks(symbol.getOffsetInHierarchy(stream))
        if "NoChord" in symbol.classes:
            yield Change(start, no_chord(0))
        elif symbol.pitches:
            yield Change(start, _chord(symbol))


def _chord(symbol: Any) -> Chord:
    """A written chord by its name; by its pitches where the name is not one of ours."""
    root, bass = symbol.root(), symbol.bass()
    figure = symbol.figure or ""
    written = symbol.chordKindStr or figure.partition("/")[0].removeprefix(root.name)
    name = root.name.replace("-", "b") + written
    if bass is not None and bass.pitchClass != root.pitchClass:
        name += "/" + bass.name.replace("-", "b")
    tones = sorted({(pc - root.pitchClass) % 12 for pc in symbol.pitchClasses})
    told = tuple((root.pitchClass + step) % 12 for step in tones)
    try:
        chord = parse_chord(name)
    except DataError:
        chord = None
    if chord is None or set(chord.tones) != set(told):
        lowest = root.pitchClass if bass is None else bass.pitchClass
        chord = Chord(name, root.pitchClass, told, lowest)
    return chord


def musicxml_text(tune: Tune) -> str:
    """MusicXML of a melody with its chord symbols: the same text for the same tune."""
    from music21 import metadata, musicxml, stream

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        score = stream.Score(id="score")
        score.metadata = metadata.Metadata(title=tune.title, composer="rnnx-jazz")
        score.insert(0, _written(tune))
        exporter = musicxml.m21ToXml.GeneralObjectExporter(score)
        text = exporter.parse(score).decode("utf-8")
    text = re.sub(r"\s*<encoding-date>[^<]*</encoding-date>", "", text)  # today is no music
    made = dict.fromkeys(re.findall(r'<score-part id="([^"]+)"', text))
    for k, name in enumerate(made):
        text = text.replace(f'"{name}', f'"P{k + 1}')  # music21 numbers parts at random
    return re.sub(r'"(P\d+)-?I[0-9a-f]+"|"I[0-9a-f]{20,}"', '"P1-I1"', text)


def _written(tune: Tune) -> Any:
    from music21 import meter, note, stream, tempo

    part = stream.Part(id="P1")
    part.partName = "Melody"
    metre = None
    first = 1
    for k, bar in enumerate(tune.bars):
        short = 4 * TICKS * bar.metre[0] // bar.metre[1] - bar.length
        if k == 0 and short > 0:
            first = 0  # a pickup has no number of its own
        measure = stream.Measure(number=k + first)
        if short > 0:
            measure.paddingLeft = Fraction(short, TICKS)
        if bar.metre != metre:
            metre = bar.metre
            measure.timeSignature = meter.TimeSignature(f"{metre[0]}/{metre[1]}")
        if k == 0:
            measure.insert(0, tempo.MetronomeMark(number=round(tune.tempo)))
        for change in tune.changes:
            if bar.start <= change.start < bar.end:
                at = Fraction(change.start - bar.start, TICKS)
                measure.insert(at, _symbol(change.chord))
        now = bar.start
        for one in tune.notes:
            if bar.start <= one.start < bar.end:
                if one.start > now:
                    rest = note.Rest(quarterLength=Fraction(one.start - now, TICKS))
                    measure.insert(Fraction(now - bar.start, TICKS), rest)
                length = Fraction(min(one.end, bar.end) - one.start, TICKS)
                made = note.Note(one.pitch, quarterLength=length)
                measure.insert(Fraction(one.start - bar.start, TICKS), made)
                now = one.end
        if now < bar.end:
            rest = note.Rest(quarterLength=Fraction(bar.end - now, TICKS))
            measure.insert(Fraction(now - bar.start, TICKS), rest)
        part.append(measure)
    return part


# What MusicXML calls a chord, and its semitones above the root.
KINDS = {
    "major": {0, 4, 7},
    "minor": {0, 3, 7},
    "augmented": {0, 4, 8},
    "diminished": {0, 3, 6},
    "power": {0, 7},
    "suspended-fourth": {0, 5, 7},
    "suspended-second": {0, 2, 7},
    "major-sixth": {0, 4, 7, 9},
    "minor-sixth": {0, 3, 7, 9},
    "dominant-seventh": {0, 4, 7, 10},
    "major-seventh": {0, 4, 7, 11},
    "minor-seventh": {0, 3, 7, 10},
    "minor-major-seventh": {0, 3, 7, 11},
    "half-diminished-seventh": {0, 3, 6, 10},
    "diminished-seventh": {0, 3, 6, 9},
    "augmented-seventh": {0, 4, 8, 10},
    "augmented-major-seventh": {0, 4, 8, 11},
}
# Semitones above the root → degree and alteration of what is added to it.
ADDED = {1: (9, -1), 2: (9, 0), 3: (9, 1), 5: (11, 0), 6: (11, 1), 8: (13, -1), 9: (13, 0)}
ADDED |= {10: (7, -1)}


def _symbol(chord: Chord) -> Any:
    """The largest chord of a kind inside of ours with what ours adds to it."""
    from music21 import harmony

    if not chord.tones:
        return harmony.NoChord()
    above = {(tone - chord.root) % 12 for tone in chord.tones}
    flat = above - {6} | {7} if 6 in above and 7 not in above else above
    kind = max((k for k in KINDS if KINDS[k] <= above), key=lambda k: len(KINDS[k]), default="")
    lowered = max((k for k in KINDS if KINDS[k] <= flat), key=lambda k: len(KINDS[k]), default="")
    alters = len(KINDS.get(lowered, ())) > len(KINDS.get(kind, ()))
    base, tones = (lowered, flat) if alters else (kind, above)
    if not base or not tones - KINDS[base] <= ADDED.keys():
        return _symbol(simplest(chord))
    named = ROOT.match(chord.name)
    root = named[0] if named else NAMES[chord.root]
    symbol = harmony.ChordSymbol(root=root.replace("b", "-"), kind=base)
    changes = [("alter", 5, -1)] if alters else []
    changes += [("add", *ADDED[tone]) for tone in sorted(tones - KINDS[base])]
    for change in changes:
        symbol.addChordStepModification(harmony.ChordStepModification(*change))
    symbol.chordKindStr = ROOT.sub("", re.sub(r"/[A-G][b#]*$", "", chord.name), count=1)
    if chord.bass != chord.root:
        symbol.bass(NAMES[chord.bass].replace("b", "-"), allow_add=True)
    return symbol
