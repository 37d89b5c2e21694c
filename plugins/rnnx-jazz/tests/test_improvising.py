"""Solos: bars that sum, the chart's metre and chords, the same for the same seed everywhere."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

import rnnx
from rnnx import Vocabulary
from rnnx.errors import DataError
from rnnx.models.trained import Model
from rnnx.training.run import Run
from rnnx_jazz.chart import BLUES, extended, parse_chart
from rnnx_jazz.grammar import JazzGrammar
from rnnx_jazz.improvising import improvise
from rnnx_jazz.midi import midi_bytes
from rnnx_jazz.tokens import encode, parsed

CHARTS = [
    (BLUES, "4/4"),
    ("Dm7 | G7 | Cmaj7 | %", "4/4"),
    ("C | Am7 D7 | G . E7 | Am", "3/4"),
    ("Cm7 | F7 | Bb6/9", "5/4"),
    ("E7alt | Am", "6/8"),
    ("Bdim7 | C+ | Dsus4", "7/8"),
]


@pytest.mark.parametrize(("chords", "metre"), CHARTS)
def test_every_bar_sums_to_its_metre(model: Model, chords: str, metre: str) -> None:
    chart = parse_chart(chords, 11, metre)
    for seed in range(3):
        solo = improvise(model, chart, 1.5, seed)
        for bar, tokens in zip(chart.bars, solo.bars, strict=True):
            assert sum(parsed(token).ticks for token in tokens) == bar.length
        again = encode(solo.tune)
        for one, other in zip(solo.bars, again, strict=True):
            assert [parsed(t)[:2] for t in one] == [parsed(t)[:2] for t in other]


def test_nothing_is_drawn_that_may_not_stand(tunes: list) -> None:
    """From any state every allowed token leads to one from where the bar can be filled."""
    symbols = sorted({token for tune in tunes for bar in encode(tune) for token in bar})
    chart = parse_chart("C7 | F | Dm7 G7 | Ebm7")
    grammar, rng = (
        JazzGrammar(Vocabulary(tuple(symbols), None, " "), chart),
        np.random.default_rng(0),
    )
    state, steps = grammar.start(64), 0
    while (allowed := grammar.allowed(state)).any():
        ids = np.array([rng.choice(np.flatnonzero(c | ~c.any())) for c in allowed.T])
        state, steps = grammar.follow(state, ids), steps + 1
    assert (state[0] == chart.end).all()
    assert steps <= chart.end


def test_a_bar_that_cannot_be_filled_is_told() -> None:
    vocabulary = Vocabulary(("C,1", "C,1,<m3,m-3>"), None, " ")
    JazzGrammar(vocabulary, parse_chart("C", metre="3/4"))
    with pytest.raises(DataError, match=r"bar 1: .* cannot be filled"):
        JazzGrammar(vocabulary, parse_chart("C", metre="7/8"))
    with pytest.raises(DataError, match="dataset=jazz"):
        JazzGrammar(Vocabulary(("a", "b")), parse_chart("C"))


def test_one_seed_one_solo_in_every_process(run: Run) -> None:
    code = (
        "import sys, rnnx, hashlib; from rnnx_jazz.improvising import *; "
        "from rnnx_jazz.midi import midi_bytes; from rnnx_jazz.chart import *; "
        "s = improvise(rnnx.load(sys.argv[1]), parse_chart(BLUES, 24), 0.8, 5); "
        "print(hashlib.sha256(midi_bytes(s.tune) + repr(s.bars).encode()).hexdigest())"
    )
    path = str(run.folder.best_or_last())
    solo = improvise(rnnx.load(path), parse_chart(BLUES, 24), 0.8, 5)
    here = hashlib.sha256(midi_bytes(solo.tune) + repr(solo.bars).encode()).hexdigest()
    for hash_seed in ("0", "1", "4242"):
        done = subprocess.run(
            [sys.executable, "-c", code, path],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == here
    other = improvise(rnnx.load(path), parse_chart(BLUES, 24), 0.8, 6)
    assert other.bars != solo.bars


def test_the_line_stays_near_home(model: Model) -> None:
    pitches = []
    for seed in range(8):
        solo = improvise(model, parse_chart(BLUES, 24), 0.8, seed)
        pitches += [note.pitch for note in solo.tune.notes]
    assert np.mean(np.array(pitches) <= 57) < 0.15
    assert 64 < np.mean(pitches) < 76


def test_charts() -> None:
    chart = parse_chart("C7 . F7 G7 | % | Dm7", 5)
    assert len(chart.bars) == 5
    assert [(c.start, c.chord.name) for c in chart.changes[:4]] == [
        (0, "C7"),
        (24, "F7"),
        (36, "G7"),
        (48, "C7"),
    ]
    assert extended(chart, 0) is chart


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no chords"),
        ("C | H7", "bar 2: 'H7': is no chord symbol"),
        ("% | C", "begins with %"),
        (". C", "begins without a chord"),
        ("C D E F G", "cannot be shared by 5"),
        ("C|" * 1001, "1,001 bars"),
    ],
)
def test_what_is_no_chart(text: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        parse_chart(text)
    assert "\n" not in str(caught.value)
