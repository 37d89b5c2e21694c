"""Files: ABC as music21 reads it, MusicXML and MIDI there and back, other parsers than ours."""

import io
import wave
from dataclasses import replace

import mido
import numpy as np
import pytest

from rnnx_jazz.abcfile import read_abc
from rnnx_jazz.chart import parse_chart
from rnnx_jazz.midi import midi_bytes, read_midi
from rnnx_jazz.music import TICKS, Note, Tune
from rnnx_jazz.musicxml import musicxml_text, read_musicxml, score_of
from rnnx_jazz.performance import Style
from rnnx_jazz.pianoroll import pianoroll_png
from rnnx_jazz.reading import embedded
from rnnx_jazz.scores import Choice, Score, tune_of
from rnnx_jazz.synth import RATE, wav_bytes
from rnnx_jazz.tokens import encode

WALTZ = """X:1
T:Waltz
M:3/4
L:1/8
K:G
D2|"G"G2 B2 d2|"D7"c4 A2|"G"(3GAB d4|"Em"e>d c2 B2|"G"d4|]
"""
TIED = """X:1
T:Ties
M:4/4
L:1/4
K:Eb
"Eb"E2- E B-|"Bb7"B- B/ =A/ z2|[M:2/4]"Eb"[EGB]2|"Cm7"(3c/d/e/ (3:2:2c d/|]
"""


def tune(score: Score) -> Tune:
    return tune_of(score, Choice(), "x")


def alike(one: Tune, other: Tune) -> bool:
    def chords(tune: Tune) -> list[tuple[int, frozenset[int]]]:
        return [(c.start, frozenset(c.chord.tones)) for c in tune.changes]

    return (one.notes, one.bars, chords(one)) == (other.notes, other.bars, chords(other))


def same_bars(one: Tune, other: Tune) -> int:
    return sum(a == b for a, b in zip(encode(one), encode(other), strict=True))


def test_music21_reads_the_lead_sheets_alike(tunes: list[Tune]) -> None:
    from music21 import converter

    text = embedded().decode().replace('alt"', '"')  # music21 knows no E7alt
    opus = converter.parseData(text, format="abc")
    assert len(opus.scores) == len(tunes)
    for theirs, ours in zip(opus.scores, read_abc(text, "x"), strict=True):
        assert alike(tune(score_of(theirs)), tune(ours)), ours.title


CHORDS = "E7alt Bb7b9b13 C7#5#9 G13 Ab7#11 G7/B Am7/G C9 Dm7b5 Edim7 C6/9 Cm(maj7) Am6 F7sus4"
CHORDS += " C+ C7#5 Bbmaj7#11 D7b5 Fm9 N.C. Gsus2 A5 Ebmaj7#5 C#m7b5 Cbmaj7"


@pytest.mark.parametrize("name", CHORDS.split())
def test_musicxml_keeps_every_chord(name: str) -> None:
    chart = parse_chart(f"C | {name}")
    one = replace(chart, notes=(Note(0, 12, 60),))
    found = read_musicxml(musicxml_text(one).encode(), "x").changes
    assert [c.start for c in found] == [0, 48]
    assert found[1].chord == chart.changes[1].chord


@pytest.mark.parametrize("text", [WALTZ, TIED])
def test_music21_reads_other_abc_alike(text: str) -> None:
    from music21 import converter

    theirs = tune(score_of(converter.parseData(text, format="abc")))
    ours = tune(read_abc(text, "x")[0])
    assert encode(theirs) == encode(ours)


def test_a_pickup_is_as_long_as_it_is() -> None:
    found = tune(read_abc(WALTZ, "x")[0])
    assert [bar.length for bar in found.bars] == [12, 36, 36, 36, 36, 24]
    assert found.chord_at(0).name == "G"  # back-filled
    assert encode(found)[0] == ["root+0", "ionian", "2:1", "C5"]
    assert alike(tune(read_musicxml(musicxml_text(found).encode(), "x")), found)
    again = tune(read_midi(midi_bytes(found), "x"))
    assert encode(again) == encode(found)


def test_musicxml_there_and_back(tunes: list[Tune]) -> None:
    for one in tunes[:6]:
        text = musicxml_text(one)
        assert same_bars(tune(read_musicxml(text.encode(), "x")), one) == len(one.bars)
        assert text == musicxml_text(one)


def test_midi_there_and_back_with_inferred_chords(tunes: list[Tune]) -> None:
    for one in tunes:  # some bars have three chords
        beat = TICKS / one.bars[0].length
        found = tune_of(read_midi(midi_bytes(one), "x"), Choice(chord_window=beat), "x")
        assert encode(found) == encode(one)


def test_other_parsers_find_our_notes(tunes: list[Tune]) -> None:
    from music21 import converter

    one = tunes[7]
    data = midi_bytes(one, Style(0.5))
    score = converter.parseData(data, format="midi", quantizePost=False)
    found = {
        (float(n.getOffsetInHierarchy(score)), float(n.quarterLength), n.pitch.midi)
        for n in score.parts[0].flatten().getElementsByClass("Note")
    }
    assert len(found) >= len(one.notes)
    starts = {(round(start * TICKS), pitch) for start, _, pitch in found}
    assert {(note.start, note.pitch) for note in one.notes} <= starts
    track = mido.MidiFile(file=io.BytesIO(data)).tracks[1]
    assert sum(m.type == "note_on" for m in track) == len(one.notes)
    assert sum(m.time for m in track) * TICKS == one.end * 480


def test_metres_change() -> None:
    text = (
        'X:1\nM:4/4\nL:1/8\nK:C\n"C"C2 E2 G4|[M:3/4]"F"A2 c2 f2|[M:6/8]"G7"GAB d2 f|[M:C]"C"c8|]\n'
    )
    found = tune(read_abc(text, "x")[0])
    assert [bar.length for bar in found.bars] == [48, 36, 36, 48]
    assert alike(tune(read_musicxml(musicxml_text(found).encode(), "x")), found)
    assert encode(tune(read_midi(midi_bytes(found), "x"))) == encode(found)


def test_the_highest_voice_is_the_melody() -> None:
    text = 'X:1\nM:4/4\nL:1/8\nK:C\nV:1\n"C"[ce]4 g4|\nV:2\nC,4 G,4|\n'
    score = read_abc(text, "x")[0]
    assert [note.pitch for note in tune(score).notes] == [76, 79]
    low = tune_of(score, Choice(melody="2"), "x")
    assert [note.pitch for note in low.notes] == [48, 55]


def test_overlapping_notes_end_where_the_next_begins() -> None:
    file = mido.MidiFile(ticks_per_beat=480)
    track, comp = mido.MidiTrack(), mido.MidiTrack()
    file.tracks += [track, comp]
    track.append(mido.MetaMessage("track_name", name="Melody"))
    track += [mido.Message("note_on", note=72, velocity=9, time=0)]
    track += [mido.Message("note_on", note=74, velocity=9, time=480)]
    track += [
        mido.Message("note_off", note=72, time=480),
        mido.Message("note_off", note=74, time=960),
    ]
    comp += [mido.Message("note_on", note=n, velocity=9, channel=1, time=0) for n in (36, 64, 67)]
    comp += [mido.Message("note_off", note=36, channel=1, time=1920)]
    comp += [mido.Message("note_off", note=n, channel=1, time=0) for n in (64, 67)]
    out = io.BytesIO()
    file.save(file=out)
    found = tune(read_midi(out.getvalue(), "x"))
    assert [note[:2] for note in found.notes] == [(0, 12), (12, 36)]
    assert encode(found) == [["root+0", "ionian", "0:1", "C1", "1:3", "S2"]]


def test_both_hands_in_one_track() -> None:
    file = mido.MidiFile(ticks_per_beat=480)
    file.tracks.append(mido.MidiTrack())
    events = []
    for bar, chord in enumerate([(48, 52, 55), (53, 57, 60)]):
        for pitch in chord:
            events += [(1920 * bar, "note_on", pitch), (1920 * (bar + 1), "note_off", pitch)]
        for k, pitch in enumerate((72, 74, 76, 77)):
            begin = 1920 * bar + 480 * k
            events += [(begin, "note_on", pitch), (begin + 480, "note_off", pitch)]
    now = 0
    for at, kind, pitch in sorted(events):
        file.tracks[0].append(mido.Message(kind, note=pitch, velocity=9, time=at - now))
        now = at
    out = io.BytesIO()
    file.save(file=out)
    found = tune(read_midi(out.getvalue(), "x"))
    assert [change.chord.name for change in found.changes] == ["C", "F"]
    assert [note.pitch for note in found.notes] == [72, 74, 76, 77] * 2


def test_the_sound_is_as_long_as_the_music(tunes: list[Tune]) -> None:
    data = wav_bytes(tunes[7])
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    seconds = tunes[7].end / TICKS * 60 / tunes[7].tempo
    assert seconds < len(samples) / RATE < seconds + 1
    assert 20_000 < np.abs(samples).max() < 32_767
    assert wav_bytes(tunes[7]) == data


def test_the_picture_is_one(tunes: list[Tune]) -> None:
    assert pianoroll_png(tunes[0])[:8] == b"\x89PNG\r\n\x1a\n"
