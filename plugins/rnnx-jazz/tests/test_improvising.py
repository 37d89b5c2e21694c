"""Solos: bars that sum, the chart's metre and chords, the same for the same seed everywhere."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

import rnnx
from rnnx.errors import DataError
from rnnx.models.trained import Model
from rnnx.training.run import Run
from rnnx_jazz.chart import BLUES, extended, parse_chart
from rnnx_jazz.improvising import improvise
from rnnx_jazz.midi import midi_bytes
from rnnx_jazz.tokens import encode, notes_of, parsed

CHARTS = [(BLUES, "4/4"), ("C | Am7 D7 | G . E7 | Am", "3/4"), ("E7alt | Bdim7 | Dsus4", "7/8")]


@pytest.mark.parametrize(("chords", "metre"), CHARTS)
def test_every_bar_sums_to_its_metre(model: Model, chords: str, metre: str) -> None:
    chart = parse_chart(chords, 11, metre)
    for seed in range(3):
        solo = improvise(model, chart, 1.5, seed)
        for bar, tokens in zip(chart.bars, solo.bars, strict=True):
            assert sum(parsed(token).ticks for token in tokens) == bar.length
        assert [notes_of(bar) for bar in encode(solo.tune)] == [notes_of(bar) for bar in solo.bars]


@pytest.mark.parametrize("other", ["Cm7 | Fm7 | Cm7 | % | Dm7b5 | G7alt", "F7 | Bb7 | F7 | %"])
def test_two_charts_shape_two_lines(model: Model, other: str) -> None:
    """One seed: other degrees and times are drawn, over the same chords in another key too."""
    solos = [improvise(model, parse_chart(chords, 12), 0.8, 3) for chords in (BLUES, other)]
    played = [[notes_of(bar) for bar in solo.bars] for solo in solos]
    assert sum(one != two for one, two in zip(*played, strict=True)) > 6


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
