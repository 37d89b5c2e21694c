"""Tokens: every bar sums to its length, transposing changes nothing, no interval is lost."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnx.errors import DataError
from rnnx_jazz.chart import parse_chart
from rnnx_jazz.chords import NAMES, parse_chord
from rnnx_jazz.decoding import decode
from rnnx_jazz.music import Change, Note, Tune
from rnnx_jazz.tokens import HOME, by_bar, encode, note_token, parse, parsed, reached, time_token


def transposed(tune: Tune, semitones: int) -> Tune:
    notes = tuple(note._replace(pitch=note.pitch + semitones) for note in tune.notes)
    changes = tuple(Change(c.start, c.chord.moved(semitones)) for c in tune.changes)
    return Tune(tune.title, tune.bars, notes, changes, tune.tempo)


def ticks_of(tokens: list[str]) -> int:
    return sum(parsed(token).ticks for token in tokens)


def intervals(tune: Tune) -> list[int]:
    return [two.pitch - one.pitch for one, two in pairwise(tune.notes)]


def motifs(tune: Tune) -> Counter[tuple[int, ...]]:
    """How often each run of four intervals occurs."""
    found = intervals(tune)
    return Counter(tuple(found[k : k + 4]) for k in range(len(found) - 3))


def test_the_corpus_is_what_it_has_to_be(tunes: list[Tune]) -> None:
    tokens = [token for tune in tunes for bar in encode(tune) for token in bar]
    counts = Counter(parsed(token).type for token in tokens)
    events = sum(counts[kind] for kind in "RCSAX")
    assert events >= 2000
    assert counts["C"] <= 0.65 * events
    assert min(counts[kind] for kind in "RCSAX") > 0
    durations = {token.split(":")[1] for token in tokens if ":" in token}
    assert {"1/3", "1/4", "1/2", "1"} <= durations


def test_bars_sum_to_their_length(tunes: list[Tune]) -> None:
    for tune in tunes:
        for bar, tokens in zip(tune.bars, encode(tune), strict=True):
            assert ticks_of(tokens) == bar.length


@pytest.mark.parametrize("semitones", [-5, 3, 7, 12])
def test_transposing_leaves_the_tokens(tunes: list[Tune], semitones: int) -> None:
    for tune in tunes:
        assert encode(transposed(tune, semitones)) == encode(tune)


@given(st.integers(0, 47), st.integers(1, 96))
def test_times_read_as_they_are_written(place: int, ticks: int) -> None:
    token = parse(time_token(place, ticks))
    assert token is not None and (token.place, token.ticks) == (place, ticks)


@given(
    st.integers(30, 90), st.integers(-30, 30), st.sampled_from(["C7", "Dm7b5", "Bdim7", "E7alt"])
)
def test_a_name_and_a_leap_are_one_pitch(before: int, interval: int, name: str) -> None:
    pitch = before + interval
    token = parsed(note_token(parse_chord(name).degrees[pitch % 12], interval))
    assert reached(before, parse_chord(name).degrees.index(token.degree), token.leap) == pitch


@pytest.mark.parametrize(
    "text",
    ["", "C", "C0", "3", "C3^v", "Q3", "R,1", "root+12", "doric", "0:2/4", "0:0", "4:1", "1/5:1"],
)
def test_what_is_no_token(text: str) -> None:
    assert parse(text) is None
    with pytest.raises(DataError, match="is no token"):
        parsed(text)


def test_decoding_gives_back_every_tune(tunes: list[Tune]) -> None:
    """Every time, duration, interval and motif, and each pitch to an octave."""
    for tune in tunes:
        again = decode(encode(tune), tune)
        assert [note[:2] for note in again.notes] == [note[:2] for note in tune.notes]
        assert intervals(again) == intervals(tune)
        assert motifs(again) == motifs(tune)
        octaves = {
            (one.pitch - two.pitch) for one, two in zip(tune.notes, again.notes, strict=True)
        }
        assert len(octaves) == 1 and octaves.pop() % 12 == 0
        assert encode(again) == encode(tune)


def test_the_tokens_of_a_bar() -> None:
    """Places and chords are told, and an interval that leads over a bar line."""
    chart = parse_chart("Dm7 | G7 C")
    line = (Note(6, 6, 77), Note(12, 12, 74), Note(36, 18, 84), Note(54, 6, 83), Note(84, 12, 76))
    tune = Tune("t", chart.bars, line, chart.changes)
    assert [" ".join(bar) for bar in encode(tune)] == [
        "root+0 dorian 0:1/2 R 1/2:1/2 C3 1:1 C1 2:1 R 3:1 C7^",
        "root+5 mixolydian 0:1/2 T 1/2:1/2 C3 1:2 R root+5 ionian 3:1 C3v",
    ]
    assert decode(encode(tune), chart).notes == line


def test_the_first_note_is_near_home(tunes: list[Tune]) -> None:
    for tune in tunes:
        assert abs(decode(encode(tune), tune).notes[0].pitch - HOME) < 12


@pytest.mark.parametrize(
    ("bars", "said"),
    [
        ([], "0 bars of tokens for 1 bars"),
        (["0:3", "C1"], "bar 1: its tokens do not sum"),
        (["0:4", "T"], "bar 1: there is no note before T"),
        (["0:4", "S1"], "bar 1: C7 has no S1"),
    ],
)
def test_what_cannot_be_decoded(bars: list[str], said: str) -> None:
    with pytest.raises(DataError, match=said):
        decode([bars] if bars else [], parse_chart("C7"))


def test_a_line_of_tokens_is_cut_at_the_bar_lines(tunes: list[Tune]) -> None:
    for tune in tunes:
        bars = encode(tune)
        assert by_bar([token for bar in bars for token in bar], tune.bars) == bars


@settings(max_examples=200)
@given(st.data())
def test_any_line_is_kept(data: st.DataObject) -> None:
    """Random notes over random chords, a silence among them, and bars of many metres."""
    metre = data.draw(st.sampled_from(["4/4", "3/4", "6/8", "5/4", "7/8", "9/4"]))
    names = data.draw(st.lists(st.sampled_from([*NAMES, "Dm7", "G7alt", "N.C."]), min_size=1))
    chart = parse_chart(" | ".join(names[:5]), metre=metre)
    notes, now = [], data.draw(st.integers(0, 20))
    while now < chart.end:
        length = data.draw(st.integers(1, 60))
        notes.append(Note(now, min(length, chart.end - now), data.draw(st.integers(40, 90))))
        now += length + data.draw(st.integers(0, 30))
    line = Tune("t", chart.bars, tuple(notes), chart.changes)
    bars = encode(line)
    for bar, tokens in zip(chart.bars, bars, strict=True):
        assert ticks_of(tokens) == bar.length
    again = decode(bars, chart)
    assert [note[:2] for note in again.notes] == [note[:2] for note in line.notes]
    assert intervals(again) == intervals(line)
