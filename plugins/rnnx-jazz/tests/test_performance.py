"""How a solo is played: eighths swing, triplets do not, and the melody stands out."""

import io

import mido
import numpy as np
import pytest

from rnnx.errors import ConfigError
from rnnx_jazz.abcfile import read_abc
from rnnx_jazz.chart import parse_chart
from rnnx_jazz.midi import midi_bytes, read_midi
from rnnx_jazz.music import Note, Tune
from rnnx_jazz.performance import Style, accompaniment, comping, melody
from rnnx_jazz.scores import Choice, tune_of
from rnnx_jazz.tokens import encode

LINE = 'X:1\nM:4/4\nL:1/8\nK:C\n"C"CD E/F/G (3ABc BA|"G7"G2 A2 [M:6/8]"C"GFE DEC|]\n'


def line() -> Tune:
    return tune_of(read_abc(LINE, "x")[0], Choice(), "x")


def messages(data: bytes, track: int) -> list[tuple[int, mido.Message]]:
    now, found = 0, []
    for message in mido.MidiFile(file=io.BytesIO(data)).tracks[track]:
        now += message.time
        found.append((now, message))
    return found


def onsets(data: bytes, track: int = 1) -> list[int]:
    return [at for at, message in messages(data, track) if message.type == "note_on"]


def test_eighths_swing_and_nothing_else() -> None:
    straight, swung = onsets(midi_bytes(line(), Style(0.5))), onsets(midi_bytes(line(), Style(0.6)))
    moved = [(one, two - one) for one, two in zip(straight, swung, strict=True) if one != two]
    # The first eighth pair and the last of the bar; no sixteenths, no triplet, no 6/8.
    assert moved == [(240, 48), (1680, 48)]


def test_swing_is_on_by_default() -> None:
    assert onsets(midi_bytes(line())) == onsets(midi_bytes(line(), Style(0.62)))
    assert 240 not in onsets(midi_bytes(line()))
    assert any(text.type == "text" for _, text in messages(midi_bytes(line()), 0))


@pytest.mark.parametrize("swing", [0.5, 0.55, 0.62, 2 / 3, 0.75])
def test_what_swings_is_read_as_it_is_written(tunes: list[Tune], swing: float) -> None:
    for tune in (*tunes[3:10], *tunes[-3:]):
        found = tune_of(read_midi(midi_bytes(tune, Style(swing)), "x"), Choice(), "x")
        assert [note[:2] for note in found.notes] == [note[:2] for note in tune.notes]


def test_files_of_others_are_not_straightened() -> None:
    """A triplet's last note stays one where no text of ours says that eighths swing."""
    file = mido.MidiFile(ticks_per_beat=480)
    file.tracks.append(mido.MidiTrack())
    for length in (320, 160, 320, 160):
        file.tracks[0].append(mido.Message("note_on", note=60, velocity=9, time=0))
        file.tracks[0].append(mido.Message("note_off", note=60, time=length))
    out = io.BytesIO()
    file.save(file=out)
    assert [note.start for note in read_midi(out.getvalue(), "x").parts[0].notes] == [0, 8, 12, 20]


def test_accents_by_place_in_the_line() -> None:
    chart = parse_chart("C7")
    pitches = (60, 64, 67, 64, 65, 62, 72, 70)
    notes = [Note(6 * k, 6, pitch) for k, pitch in enumerate(pitches)]
    tune = Tune("t", chart.bars, tuple(notes), chart.changes)
    loud = [note.velocity for note in melody(tune, Style())]
    assert loud[2] > loud[0] and loud[6] == max(loud[:7])  # peaks
    assert loud[3] == min(loud[1:7]) or loud[5] == min(loud[1:7])  # swallowed
    assert len(set(loud)) >= 4
    assert {note.velocity for note in melody(tune, Style(accents=False))} == {96}


def test_the_melody_is_louder_than_the_comping(tunes: list[Tune]) -> None:
    for tune in tunes:
        softest = min(note.velocity for note in melody(tune, Style()))
        assert softest > max(note.velocity for note in accompaniment(tune))
    data = midi_bytes(tunes[0])
    by_track = [
        [m.velocity for _, m in messages(data, k) if m.type == "note_on"] for k in (1, 2, 3)
    ]
    assert min(by_track[0]) > max(*by_track[1], *by_track[2])


def test_the_bass_plays_what_stands_below_the_slash() -> None:
    chart = parse_chart("C/E | Am7/G | G7")
    lowest = [min(n.pitch for n in comping(chart) if n.start == 48 * k) for k in range(3)]
    assert [pitch % 12 for pitch in lowest] == [4, 7, 7]
    silent = comping(parse_chart("C | N.C. | C"))
    assert {note.start for note in silent} == {0, 96}


def test_the_sound_follows_the_style() -> None:
    from rnnx_jazz.synth import wav_bytes

    plain, swung, accented = (
        np.frombuffer(wav_bytes(line(), style)[44:], "<i2").astype(float)
        for style in (Style(0.5, False), Style(0.66, False), Style(0.5, True))
    )
    assert len(plain) == len(swung) == len(accented)
    assert np.abs(plain - swung).max() > 1000 and np.abs(plain - accented).max() > 500


@pytest.mark.parametrize("swing", [0.4, 0.8])
def test_swing_has_a_range(swing: float) -> None:
    with pytest.raises(ConfigError, match="swing"):
        Style(swing)


def test_tokens_know_nothing_of_swing() -> None:
    data = midi_bytes(line())
    assert encode(tune_of(read_midi(data, "x"), Choice(), "x"))[0][2:] == encode(line())[0][2:]
