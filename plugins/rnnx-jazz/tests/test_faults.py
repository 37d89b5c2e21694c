"""Files that are no music, or hostile: one line, or right bars; never a traceback or a hang."""

import random
import time
from pathlib import Path

import mido
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rnnx.errors import DataError
from rnnx_jazz.dataset import Jazz
from rnnx_jazz.midi import midi_bytes, read_midi
from rnnx_jazz.music import Tune
from rnnx_jazz.musicxml import musicxml_text, read_musicxml
from rnnx_jazz.reading import MOST, embedded, read_music
from rnnx_jazz.scores import Choice, Score, tune_of
from rnnx_jazz.tokens import encode, parsed

HEAD = "X:1\nM:4/4\nL:1/8\nK:C\n"


def looked_at(scores: list[Score]) -> None:
    """Every tune of a file has bars that sum, or is refused in one line."""
    for score in scores:
        try:
            tune = tune_of(score, Choice(), "x")
        except DataError as error:
            assert "\n" not in str(error)
            continue
        for bar, tokens in zip(tune.bars, encode(tune), strict=True):
            assert sum(parsed(token).ticks for token in tokens) == bar.length


def read(path: Path) -> None:
    try:
        looked_at(read_music(str(path), str(path)).scores)
    except DataError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.abc", b"", "is empty"),
        ("a.mid", b"  \n", "is empty"),
        ("a.mid", b"RIFF....", "is no whole MIDI file"),
        ("a.abc", b"hello\n", "holds no tune"),
        ("a.abc", b"X:1\0", "looks binary"),
        ("a.musicxml", b"<html/>", "is no MusicXML"),
        ("a.musicxml", b"<!DOCTYPE a [<!ENTITY b 'c'>]><score-partwise/>", "entities"),
        ("a.musicxml", b"<score-partwise>", "is no whole MusicXML"),
        ("a.musicxml", b"\xff<score-partwise>", "is not text"),
        ("a.txt", b"x", "is none of"),
        ("a.abc", (HEAD + "CDEF GABc|\n").encode(), "there are no chords"),
        ("a.abc", (HEAD + '"C"z8|z8|\n').encode(), "there is no melody part"),
        ("a.abc", b"X:1\nM:5/7\nK:C\nC|\n", "M:5/7"),
        ("a.abc", (HEAD + '"C"C' + "Z999|" * 6).encode(), "longer than 5,000 bars"),
        ("a.abc", (HEAD + '"C"' + "C" * 20_001).encode(), "more than 20,000 notes"),
    ],
)
def test_one_line(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        Jazz(path=str(tmp_path / name)).load(0)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", sorted(MOST))
def test_large_files_are_not_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"large{kind}"
    path.write_bytes(b"X" * 10_000_000)
    with pytest.raises(DataError, match="10,000,000 bytes"):
        read_music(str(path), str(path))


def test_names_that_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "folder.mid").mkdir()
    for path in ("nowhere.mid", str(tmp_path / "folder.mid"), "a\0b.mid", "/dev/zero", ""):
        if path:
            with pytest.raises(DataError):
                read_music(path, path)


def test_an_empty_range(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"are none of its 24"):
        Jazz(tune=8, start_bar=30).load(0)
    with pytest.raises(DataError, match="has 64 tunes"):
        Jazz(tune=65).load(0)


def test_drums_are_no_melody() -> None:
    file = mido.MidiFile()
    file.tracks.append(mido.MidiTrack())
    for _ in range(8):
        file.tracks[0].append(mido.Message("note_on", channel=9, note=40, velocity=9, time=0))
        file.tracks[0].append(mido.Message("note_off", channel=9, note=40, time=480))
    file.save("drums.mid")
    with pytest.raises(DataError, match="there is no melody part"):
        Jazz(path="drums.mid").load(0)


def test_a_tune_without_chords_does_not_cost_the_others(tmp_path: Path) -> None:
    bad = b"\nX:99\nT:Bare\nM:4/4\nK:C\nCDEF|\n"
    (tmp_path / "a.abc").write_bytes(embedded() + bad)
    corpus = Jazz(path=str(tmp_path / "a.abc")).load(0)
    assert len(corpus.notes) == 1 and "Bare" in corpus.notes[0]


@pytest.mark.parametrize("kind", ["mid", "musicxml", "abc"])
def test_damage_of_whole_files(tmp_path: Path, tunes: list[Tune], kind: str) -> None:
    whole = {
        "mid": midi_bytes(tunes[5]),
        "musicxml": musicxml_text(tunes[5]).encode(),
        "abc": embedded(),
    }[kind]
    rng = random.Random(kind)
    path = tmp_path / f"a.{kind}"
    for _ in range(8 if kind == "musicxml" else 40):
        damaged = bytearray(whole[: rng.randrange(len(whole))] if rng.random() < 0.4 else whole)
        for _ in range(rng.randrange(12)):
            if damaged:
                damaged[rng.randrange(len(damaged))] = rng.randrange(32, 127)
        path.write_bytes(damaged)
        read(path)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=400))
def test_random_bytes(tmp_path: Path, content: bytes) -> None:
    for kind, head in (("abc", HEAD.encode() + b'"C"'), ("mid", b"MThd\0\0\0\6\0\0\0\1\1\xe0MTrk")):
        path = tmp_path / f"b.{kind}"
        path.write_bytes(head + content)
        read(path)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.text(alphabet="CDEFGABcdefgabz^_=,'/23468()[]|:<>-\"&{} \n", max_size=200))
def test_random_abc(tmp_path: Path, content: str) -> None:
    path = tmp_path / "c.abc"
    path.write_text(f'{HEAD}"C7"CD|{content}', "utf-8")
    read(path)


def test_no_pickle_of_music21s_is_read(
    tmp_path: Path, tunes: list[Tune], monkeypatch: pytest.MonkeyPatch
) -> None:
    """music21 caches parses of files; text that is handed over is never looked up there."""
    from music21 import freezeThaw

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a pickle was read")

    monkeypatch.setattr(freezeThaw.StreamThawer, "open", refuse)
    monkeypatch.setattr(freezeThaw.StreamThawer, "openStr", refuse)
    text = musicxml_text(tunes[5]).encode()
    for _ in range(2):
        read_musicxml(text, "x")


def test_a_note_of_hours_is_refused() -> None:
    file = mido.MidiFile()
    file.tracks.append(mido.MidiTrack())
    for k in range(40):
        file.tracks[0].append(mido.Message("note_on", note=k, velocity=9, time=0x0FFFFFFF))
    file.save("long.mid")
    began = time.process_time()
    with pytest.raises(DataError, match="longer than 5,000 bars"):
        read_midi(Path("long.mid").read_bytes(), "long.mid")
    assert time.process_time() - began < 60  # a hang, not a speed
