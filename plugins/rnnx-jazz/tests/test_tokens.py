"""Tokens: every bar sums to its length, transposing changes nothing, decoding is undone."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnx_jazz.chart import parse_chart
from rnnx_jazz.chords import NAMES, parse_chord
from rnnx_jazz.decoding import HIGH, LOW, decode
from rnnx_jazz.music import TICKS, Change, Note, Tune
from rnnx_jazz.tokens import REACH, Token, encode, interval, parse, parsed, semitones_of


def moved(tune: Tune, semitones: int) -> Tune:
    notes = tuple(note._replace(pitch=note.pitch + semitones) for note in tune.notes)
    changes = tuple(Change(c.start, c.chord.moved(semitones)) for c in tune.changes)
    return Tune(tune.title, tune.bars, notes, changes, tune.tempo)


def test_the_corpus_is_what_it_has_to_be(tunes: list[Tune]) -> None:
    tokens = [token for tune in tunes for bar in encode(tune) for token in bar]
    counts = Counter(token[0] for token in tokens)
    assert len(tokens) >= 2000
    assert counts["C"] <= 0.65 * len(tokens)
    assert set(counts) == set("RCSAX")
    assert {"1/3", "1/4", "1/2", "1"} <= {token.split(",")[1] for token in tokens}


def test_bars_sum_to_their_length(tunes: list[Tune]) -> None:
    for tune in tunes:
        for bar, tokens in zip(tune.bars, encode(tune), strict=True):
            assert sum(parsed(token).ticks for token in tokens) == bar.length == 4 * TICKS


@pytest.mark.parametrize("semitones", [-5, 3, 7, 12])
def test_transposing_leaves_the_tokens(tunes: list[Tune], semitones: int) -> None:
    for tune in tunes:
        assert encode(moved(tune, semitones)) == encode(tune)


@given(st.integers(-48, 48))
def test_a_distance_has_one_name(semitones: int) -> None:
    assert semitones_of(interval(semitones)) == semitones


@given(st.sampled_from("RCSAX"), st.integers(1, 96), st.none() | st.integers(-30, 30))
def test_tokens_read_as_they_are_written(kind: str, ticks: int, step: int | None) -> None:
    token = Token(kind, ticks, None if kind == "R" else step)
    assert parse(str(token)) == token


@pytest.mark.parametrize("text", ["", "C", "C,2/4", "C,1/5", "Q,1", "R,1,<P1,P1>", "C,1,<P4,P4>"])
def test_what_is_no_token(text: str) -> None:
    assert parse(text) is None


def test_decoding_is_undone_by_encoding(tunes: list[Tune]) -> None:
    outside = 0
    for seed, tune in enumerate(tunes):
        bars = encode(tune)
        played = decode(bars, tune, np.random.default_rng(seed))
        again = encode(played)
        before = None
        notes = iter(played.notes)
        for one, other in zip(bars, again, strict=True):
            for left, right in zip(map(parsed, one), map(parsed, other), strict=True):
                assert left[:2] == right[:2]  # TYPE and duration
                if left.type == "R":
                    continue
                pitch = next(notes).pitch
                assert LOW <= pitch <= HIGH
                if left.step is not None and abs(pitch - before - left.step) > REACH:
                    outside += 1  # where the range clamps
                before = pitch
    assert outside < 115


@settings(max_examples=200)
@given(st.data())
def test_any_line_is_bars_that_sum(data: st.DataObject) -> None:
    """Random notes over random bars, cut where a bar ends."""
    metre = data.draw(st.sampled_from(["4/4", "3/4", "6/8", "5/4", "7/8"]))
    names = data.draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4))
    chart = parse_chart(" | ".join(names), metre=metre)
    notes, now = [], data.draw(st.integers(0, 20))
    while now < chart.end:
        length = data.draw(st.integers(1, 60))
        notes.append(Note(now, min(length, chart.end - now), data.draw(st.integers(40, 90))))
        now += length + data.draw(st.integers(0, 30))
    bars = encode(Tune("t", chart.bars, tuple(notes), chart.changes))
    for bar, tokens in zip(chart.bars, bars, strict=True):
        assert sum(parsed(token).ticks for token in tokens) == bar.length
        sounding = [parsed(token) for token in tokens if token[0] != "R"]
        assert all(token.step is None for token in sounding[:1])
        assert all(token.step is not None for token in sounding[1:])


@pytest.mark.parametrize(
    ("name", "tones"),
    [
        ("C", {0, 4, 7}),
        ("Dm7", {2, 5, 9, 0}),
        ("F#m7b5", {6, 9, 0, 4}),
        ("Bbmaj7", {10, 2, 5, 9}),
        ("B♭Δ", {10, 2, 5, 9}),
        ("Edim7", {4, 7, 10, 1}),
        ("E°7", {4, 7, 10, 1}),
        ("Aø", {9, 0, 3, 7}),
        ("G7b9", {7, 11, 2, 5, 8}),
        ("C6/9", {0, 4, 7, 9, 2}),
        ("C-7", {0, 3, 7, 10}),
        ("Csus4", {0, 5, 7}),
        ("C+", {0, 4, 8}),
        ("Am/G", {9, 0, 4}),
        ("Cm(maj7)", {0, 3, 7, 11}),
        ("C9", {0, 4, 7, 10, 2}),
        ("Cadd9", {0, 4, 7, 2}),
        ("C13", {0, 4, 7, 10, 2, 9}),
    ],
)
def test_chord_symbols(name: str, tones: set[int]) -> None:
    assert set(parse_chord(name).tones) == tones


def test_types_of_a_chord() -> None:
    assert parse_chord("C").types == "CASACSACASXS"
    assert parse_chord("Dm7").types[2] == "C" and parse_chord("Dm7").types[11] == "S"
