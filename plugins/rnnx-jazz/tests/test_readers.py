"""Readers: the smallest files that were once read wrong, and what is passed over is named."""

import io
from pathlib import Path

import mido
import pytest

from rnnx.errors import DataError
from rnnx_jazz.abcfile import read_abc
from rnnx_jazz.chords import parse_chord
from rnnx_jazz.commands import Asked, chart_of, inspect, remarks_on
from rnnx_jazz.dataset import Jazz
from rnnx_jazz.midi import read_midi
from rnnx_jazz.musicxml import read_musicxml
from rnnx_jazz.scores import Choice, tune_of
from rnnx_jazz.tokens import encode, notes_of

HEAD = "X:1\nT:One\nM:4/4\nL:1/8\nK:C\n"


def midi(events: list[tuple[int, str, int]]) -> bytes:
    """One track; events are (time, note_on or note_off, pitch), in the file's order."""
    file = mido.MidiFile(ticks_per_beat=480)
    file.tracks.append(mido.MidiTrack())
    now = 0
    for at, kind, pitch in events:
        file.tracks[0].append(mido.Message(kind, note=pitch, velocity=64, time=at - now))
        now = at
    out = io.BytesIO()
    file.save(file=out)
    return out.getvalue()


def notes(data: bytes) -> list[tuple[int, int, int]]:
    return [tuple(note) for note in read_midi(data, "x").parts[0].notes]


def test_a_very_short_note_spoils_no_later_one() -> None:
    """10 of 480: on the grid it begins and ends at one tick."""
    events = [(0, "note_on", 60), (10, "note_off", 60)]
    events += [(480, "note_on", 60), (960, "note_off", 60), (960, "note_on", 60)]
    events += [(1440, "note_off", 60), (1440, "note_on", 62), (1920, "note_off", 62)]
    assert notes(midi(events)) == [(0, 1, 60), (12, 12, 60), (24, 12, 60), (36, 12, 62)]


@pytest.mark.parametrize("first", ["note_on", "note_off"])
def test_a_note_struck_anew_where_it_ends(first: str) -> None:
    """Whichever of the two the file has first."""
    other = {"note_on": "note_off", "note_off": "note_on"}[first]
    events = [(0, "note_on", 60), (480, first, 60), (480, other, 60), (960, "note_off", 60)]
    assert notes(midi(events)) == [(0, 12, 60), (12, 12, 60)]


def test_a_note_of_no_length() -> None:
    events = [(0, "note_on", 60), (0, "note_off", 60), (480, "note_on", 60), (960, "note_off", 60)]
    assert notes(midi(events)) == [(0, 1, 60), (12, 12, 60)]


def test_an_ornament_is_not_the_melody() -> None:
    """A tick of a higher note before the one that it leads to."""
    events = [(0, "note_on", 74), (12, "note_off", 74), (12, "note_on", 72), (480, "note_off", 72)]
    data = midi([*events, (480, "note_on", 76), (960, "note_off", 76)])
    score = read_midi(data, "x")
    from rnnx_jazz.scores import skyline

    assert [note.pitch for note in skyline(score.parts[0].notes, True)] == [72, 76]


TRANSPOSING = """<score-partwise version="3.1"><part-list>
<score-part id="P1"><part-name>Trumpet</part-name></score-part>
<score-part id="P2"><part-name>Piano</part-name></score-part></part-list>
<part id="P1"><measure number="1"><attributes><divisions>1</divisions>
<time><beats>4</beats><beat-type>4</beat-type></time>
<transpose><diatonic>-1</diatonic><chromatic>-2</chromatic></transpose></attributes>
{own}<note><pitch><step>D</step><octave>5</octave></pitch><duration>2</duration></note>
<note><pitch><step>F</step><alter>1</alter><octave>5</octave></pitch><duration>2</duration></note>
</measure></part>
<part id="P2"><measure number="1"><attributes><divisions>1</divisions>
<time><beats>4</beats><beat-type>4</beat-type></time></attributes>
{others}<note><rest/><duration>4</duration></note></measure></part></score-partwise>"""
MAJOR = "<harmony><root><root-step>{}</root-step></root><kind>major</kind></harmony>"


@pytest.mark.parametrize(("own", "others"), [(MAJOR.format("D"), ""), ("", MAJOR.format("C"))])
def test_a_transposing_instrument_is_read_as_it_sounds(own: str, others: str) -> None:
    """A trumpet in B flat; a symbol in its own part is written for it, one in another sounds."""
    text = TRANSPOSING.format(own=own, others=others)
    tune = tune_of(read_musicxml(text.encode(), "x"), Choice(), "x")
    assert [note.pitch for note in tune.notes] == [72, 76]
    assert [change.chord.root for change in tune.changes] == [0]
    assert notes_of(encode(tune)[0]) == ["C1", "C3"]


def test_a_symbol_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.abc"
    path.write_text(HEAD + '"C"CDEF GABc|"H7"c8|"^slow""G7"B8|\n', "utf-8")
    corpus = Jazz(path=str(path), val_fraction=0).load(0)
    assert len(corpus.notes) == 1
    assert "bar 2: 'H7': is no chord symbol" in corpus.notes[0] and "\n" not in corpus.notes[0]
    told = list(remarks_on(Asked(None, str(path), 1, 0, "4/4", None)))
    assert len(told) == 1 and "'H7'" in told[0]
    assert any("'H7'" in line for line in inspect(str(path), 1, "", "", 0.5))


@pytest.mark.parametrize("symbol", ["H7", "H", "Hm7b5", "C7x", "Ebmaj7foo", "G/H", "C7/Q"])
def test_no_chord_stands_where_a_symbol_is_not_understood(symbol: str) -> None:
    """The chord before does not sound there, and what stands in quotes as words changes nothing."""
    text = f'"C"CDEF GABc|"{symbol}"B4 d4|"Solo"f4 "G7"B4|\n'
    score = read_abc(HEAD + text, "x")[0]
    names = [(change.start, change.chord.name) for change in score.changes]
    assert names == [(0, "C"), (48, "N.C."), (120, "G7")]
    assert [repr(symbol) in score.remarks[0], "'Solo'" in score.remarks[1]] == [True, True]


def test_where_no_chord_is_written_none_goes_on() -> None:
    tune = tune_of(read_abc(HEAD + '"C"CDEF GABc|"N.C."c4 e4|"G7"B8|\n', "x")[0], Choice(), "x")
    assert [(c.start, c.chord.name) for c in tune.changes] == [(0, "C"), (48, "N.C."), (96, "G7")]
    assert notes_of(encode(tune)[1]) == ["X1", "X5"]  # counted from the root before
    chart = chart_of(Asked("C | N.C. | NC", None, 1, 0, "4/4", None))
    assert [c.chord.scale for c in chart.changes] == ["ionian", "none", "none"]
    assert parse_chord("N.C.").tones == ()


def test_a_chart_of_a_file_has_the_files_tempo(tmp_path: Path) -> None:
    path = tmp_path / "a.abc"
    path.write_text("X:1\nM:4/4\nL:1/8\nQ:1/4=96\nK:C\n" + '"C"C8|\n', "utf-8")
    assert chart_of(Asked(None, str(path), 1, 0, "4/4", None)).tempo == 96
    assert chart_of(Asked(None, str(path), 1, 3, "4/4", None)).tempo == 96
    assert chart_of(Asked(None, str(path), 1, 0, "4/4", 200.0)).tempo == 200
    assert chart_of(Asked("C", None, 1, 0, "4/4", None)).tempo == 130


def test_one_tune_that_cannot_be_read_is_named_and_costs_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.abc"
    free = "X:2\nT:Reverie\nM:free\nL:1/8\nK:C\n" + '"C"C8|\n'
    other = "X:3\nT:Three\nM:4/4\nL:1/8\nK:G\n" + '"G"G8|"D7"A8|"G"B8|"G"G8|\n'
    path.write_text(HEAD + '"C"CDEF GABc|"G7"B8|\n' + free + other, "utf-8")
    corpus = Jazz(path=str(path), val_fraction=0).load(0)
    assert [tune.title for tune in corpus.tunes] == ["One", "Three"]
    assert len(corpus.notes) == 1
    assert "a tune is left out" in corpus.notes[0] and "Reverie: M:free" in corpus.notes[0]
    assert [tune.title for tune in Jazz(path=str(path), tune=3, val_fraction=0).load(0).tunes] == [
        "Three"
    ]
    for asked in (
        lambda: Jazz(path=str(path), tune=2).load(0),
        lambda: list(inspect(str(path), 2, "", "", 0.5)),
        lambda: chart_of(Asked(None, str(path), 2, 0, "4/4", None)),
    ):
        with pytest.raises(DataError, match=r"Reverie: M:free: is no metre; write it as M:4/4"):
            asked()
