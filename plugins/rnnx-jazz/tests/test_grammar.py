"""The grammar of solos: what it draws alone is filled, breathes, resolves and ends."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rnnx import Vocabulary
from rnnx.errors import DataError
from rnnx_jazz.chart import BLUES, parse_chart
from rnnx_jazz.decoding import decode
from rnnx_jazz.grammar import PHRASE, JazzGrammar
from rnnx_jazz.lexicon import Lexicon
from rnnx_jazz.lines import HIGH, LOW
from rnnx_jazz.music import TICKS, Tune
from rnnx_jazz.tokens import by_bar, encode

CHARTS = [
    (BLUES, "4/4"),
    ("Dm7 | G7 | Cmaj7 | %", "4/4"),
    ("C | Am7 D7 | G . E7 | Am", "3/4"),
    ("Cm7 | F7 | Bb6/9", "5/4"),
    ("E7alt | Am", "6/8"),
    ("Bdim7 | C+ | Dsus4", "7/8"),
]


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
    chart = parse_chart("C7 | F | Dm7 G7 | Ebm7 | Am7b5 | D7alt | Gm(maj7) | C7 F7", 20)
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


def test_phrases_end_on_a_tone_of_the_chord(free: list[Tune]) -> None:
    """A rest of a quarter comes behind one, the beginning of the next bar counted or not."""
    breaths = 0
    for solo in free:
        types = kinds(solo)
        for kind, (one, two) in zip(types, pairwise(solo.notes), strict=False):
            bar = solo.bar_at(max(one.end - 1, 0))
            if min(two.start, bar.end) - one.end >= TICKS:
                breaths += 1
                assert kind == "C"
    assert breaths > 100


def test_beats_one_and_three_are_inside(free: list[Tune]) -> None:
    for solo in free:
        for note, kind in zip(solo.notes, kinds(solo), strict=True):
            assert note.start % (2 * TICKS) or kind in "CS"


def test_a_phrase_ends_with_a_rest_after_eight_bars(free: list[Tune], tunes: list[Tune]) -> None:
    waltz = parse_chart("C7 | F | Dm7 G7 | Am7b5", 20, "3/4")
    for solo in (*free, *drawn(vocabulary(tunes), waltz, 16)):
        begin, before, bar = 0, 0, solo.bars[0].length
        for note in solo.notes:
            if note.start - before >= TICKS:
                begin = note.start
            before = note.end
            assert before - begin <= PHRASE * bar
            assert all(two.start - one.end <= bar for one, two in pairwise(solo.notes))


def test_triplets_are_filled(free: list[Tune]) -> None:
    """A beat with a third in it is filled with notes of a third or two."""
    thirds = 0
    for solo in free:
        onsets = {note.start: note for note in solo.notes}
        for tick in range(0, solo.end, TICKS):
            inside = [onsets[k] for k in range(tick, tick + TICKS) if k in onsets]
            if any(note.start % 3 for note in inside):
                thirds += 1
                assert inside[-1].end >= tick + TICKS
                assert all(two.start == one.end for one, two in pairwise(inside))
                assert all(note.length in (4, 8) for note in inside[:-1])
    assert thirds > 100


def test_beats_are_filled_in_kind() -> None:
    """What is begun in thirds goes on in thirds to the beat's end, and so do quarters of one."""
    times = ["0:1/3", "1/3:1/3", "2/3:1/3", "1/3:1", "1/3:2/3", "2/3:4/3", "2/3:1", "0:1/4", "1:1"]
    times += [
        "1/4:1/4",
        "1/4:1/3",
        "1/2:1/2",
        "1/4:3/4",
        "0:4/3",
        "0:1",
        "2:1",
        "3:1",
        "2:2",
        "1:3",
    ]
    known = Vocabulary(tuple(sorted([*times, "C1", "C3", "C5", "R"])), None, " ")
    grammar = JazzGrammar(known, parse_chart("C | C"))

    def after(*tokens: str) -> set[str]:
        state = grammar.start(1)
        for token in tokens:
            state = grammar.follow(state, np.array([known.ids[token]]))
        return {known.symbols[id] for id in np.flatnonzero(grammar.allowed(state)[:, 0])}

    assert after() == {"0:1/3", "0:1/4", "0:1"}
    assert after("0:1/3", "C1") == {"1/3:1/3", "1/3:2/3"}
    assert after("0:1/3", "C1", "1/3:1/3", "C3") == {"2/3:1/3"}
    assert after("0:1/4", "C1") == {"1/4:1/4", "1/4:3/4"}
    assert "R" in after("0:1/3") and "R" not in after("0:1/3", "C1", "1/3:1/3")


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
    known = Vocabulary(("0:1", "1:1", "2:1", "C1", "C1^", "C1v"), None, " ")
    JazzGrammar(known, parse_chart("C", metre="3/4"))
    with pytest.raises(DataError, match=r"bar 1: .* cannot be filled"):
        JazzGrammar(known, parse_chart("C", metre="7/8"))
    with pytest.raises(DataError, match="dataset=jazz"):
        JazzGrammar(Vocabulary(("a", "b")), parse_chart("C"))


def test_chords_that_were_never_seen_stand_for_the_nearest(tunes: list[Tune]) -> None:
    """What a vocabulary cannot say of a chart is told by what is most like it."""
    lexicon = Lexicon(Vocabulary(("root+0", "root+7", "0:4", "C1", "dorian", "ionian"), None, " "))
    symbols = lexicon.symbols
    assert symbols[lexicon.scale("aeolian")] == "dorian"
    assert symbols[lexicon.scale("lydian")] == "ionian"
    assert lexicon.scale("none") is None
    assert symbols[lexicon.root(6)] == "root+7" and symbols[lexicon.root(11)] == "root+0"
