"""Solos: bars that sum, the chart's metre and chords, the same for the same seed everywhere."""

import hashlib
import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rnnx
from rnnx import Vocabulary
from rnnx.errors import DataError
from rnnx.models.trained import Model
from rnnx.training.run import Run
from rnnx_jazz.chart import BLUES, extended, parse_chart
from rnnx_jazz.decoding import decode
from rnnx_jazz.grammar import PHRASE, JazzGrammar
from rnnx_jazz.improvising import improvise
from rnnx_jazz.lexicon import Lexicon
from rnnx_jazz.lines import HIGH, LOW
from rnnx_jazz.midi import midi_bytes
from rnnx_jazz.music import TICKS, Tune
from rnnx_jazz.tokens import by_bar, encode, notes_of, parsed

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
        assert [notes_of(bar) for bar in encode(solo.tune)] == [notes_of(bar) for bar in solo.bars]


def vocabulary(tunes: list[Tune]) -> Vocabulary:
    symbols = {token for tune in tunes for bar in encode(tune) for token in bar}
    return Vocabulary(tuple(sorted(symbols)), None, " ")


def drawn(symbols: Vocabulary, chart: Tune, count: int, seed: int = 0) -> list[Tune]:
    """Solos by a model that finds all tokens alike: the grammar alone makes them."""
    grammar, rng = JazzGrammar(symbols, chart), np.random.default_rng(seed)
    state, lines = grammar.start(count), []
    while (allowed := grammar.allowed(state)).any():
        assert allowed.any(axis=0)[state[0][0] < chart.end].all()  # no solo ends too early
        ids = np.array([rng.choice(np.flatnonzero(c | ~c.any())) for c in allowed.T])
        lines.append(np.where(state[0][0] < chart.end, ids, -1))
        state = grammar.follow(state, ids)
    assert (state[0][0] == chart.end).all()
    texts = [symbols.decode(column).split() for column in np.array(lines).T.tolist()]
    return [decode(by_bar(text, chart.bars), chart) for text in texts]


def kinds(tune: Tune) -> list[str]:
    return [tune.chord_at(note.start).types[note.pitch % 12] for note in tune.notes]


@pytest.fixture(scope="module")
def free(tunes: list[Tune]) -> list[Tune]:
    """Sixty-four solos that nothing but the grammar shapes."""
    chart = parse_chart("C7 | F | Dm7 G7 | Ebm7 | Am7b5 | D7alt | Gm(maj7) | C7 F7", 16)
    return drawn(vocabulary(tunes), chart, 64)


def test_a_solo_ends_on_a_tone_of_the_last_chord(free: list[Tune]) -> None:
    for solo in free:
        last = solo.notes[-1]
        assert kinds(solo)[-1] == "C"
        assert last.start >= solo.changes[-1].start
        assert last.length >= TICKS or solo.end - last.end >= TICKS


def test_what_is_outside_leads_inside_by_a_semitone_at_once(free: list[Tune]) -> None:
    outside = 0
    for solo in free:
        types, notes = kinds(solo), solo.notes
        for k, kind in enumerate(types):
            if kind in "AX":
                outside += 1
                assert types[k + 1] in "CS" and notes[k + 1].start == notes[k].end
                assert abs(notes[k + 1].pitch - notes[k].pitch) == 1
    assert outside > 500


def test_beats_one_and_three_are_inside(free: list[Tune]) -> None:
    for solo in free:
        for note, kind in zip(solo.notes, kinds(solo), strict=True):
            assert note.start % (2 * TICKS) or kind in "CS"


def test_a_phrase_ends_with_a_rest_after_four_bars(free: list[Tune]) -> None:
    for solo in free:
        begin, before = 0, 0
        for note in solo.notes:
            if note.start - before >= TICKS:
                begin = note.start
            before = note.end
            assert before - begin <= PHRASE
            assert all(two.start - one.end <= 4 * TICKS for one, two in pairwise(solo.notes))


def test_triplets_are_filled(free: list[Tune]) -> None:
    """A beat with a third in it is filled with notes of a third or two."""
    thirds = 0
    for solo in free:
        onsets = {note.start: note for note in solo.notes}
        for tick in range(0, solo.end, TICKS):
            inside = [onsets[k] for k in range(tick, tick + TICKS) if k in onsets]
            if any(note.start % 3 for note in inside):
                thirds += 1
                assert inside[-1].end == tick + TICKS
                assert all(two.start == one.end for one, two in pairwise(inside))
                assert all(note.length in (4, 8) for note in inside)
    assert thirds > 100


def test_lines_stay_in_the_register(free: list[Tune]) -> None:
    assert all(LOW <= note.pitch <= HIGH for solo in free for note in solo.notes)


@pytest.mark.parametrize(("chords", "metre"), [*CHARTS, ("C7 | N.C. | . . F7 F7", "4/4")])
def test_grammar_alone_fills_every_chart(tunes: list[Tune], chords: str, metre: str) -> None:
    for few in (tunes, tunes[4:5], tunes[6:7]):
        drawn(vocabulary(few), parse_chart(chords, 7, metre), 8)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_vocabulary_fills_what_it_can(tunes: list[Tune], data: st.DataObject) -> None:
    """A few tokens of all: a solo of whole bars, or a line that says which bar cannot be filled."""
    every = vocabulary(tunes).symbols
    some = data.draw(st.sets(st.sampled_from(every), min_size=2, max_size=30))
    chords, metre = data.draw(st.sampled_from(CHARTS))
    try:
        drawn(Vocabulary(tuple(sorted(some)), None, " "), parse_chart(chords, 5, metre), 3)
    except DataError as error:
        assert "cannot be filled" in str(error) or "no tokens of music" in str(error)


def test_a_bar_that_cannot_be_filled_is_told() -> None:
    known = Vocabulary(("0:1", "1:1", "2:1", "C1=", "C1^", "C1v"), None, " ")
    JazzGrammar(known, parse_chart("C", metre="3/4"))
    with pytest.raises(DataError, match=r"bar 1: .* cannot be filled"):
        JazzGrammar(known, parse_chart("C", metre="7/8"))
    with pytest.raises(DataError, match="dataset=jazz"):
        JazzGrammar(Vocabulary(("a", "b")), parse_chart("C"))


def test_chords_that_were_never_seen_stand_for_the_nearest(tunes: list[Tune]) -> None:
    """What a vocabulary cannot say of a chart is told by what is most like it."""
    lexicon = Lexicon(Vocabulary(("root+0", "root+7", "0:4", "C1=", "dorian", "ionian"), None, " "))
    symbols = lexicon.symbols
    assert symbols[lexicon.scale("aeolian")] == "dorian"
    assert symbols[lexicon.scale("lydian")] == "ionian"
    assert lexicon.scale("none") is None
    assert symbols[lexicon.root(6)] == "root+7" and symbols[lexicon.root(11)] == "root+0"


def test_two_charts_shape_two_lines(model: Model) -> None:
    """One seed: where chords of another kind stand, other degrees and times are drawn."""
    blues = improvise(model, parse_chart(BLUES, 12), 0.8, 3)
    minor = improvise(model, parse_chart("Cm7 | Fm7 | Cm7 | % | Dm7b5 | G7alt", 12), 0.8, 3)
    played = [[notes_of(bar) for bar in solo.bars] for solo in (blues, minor)]
    assert sum(one != other for one, other in zip(*played, strict=True)) > 6


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
