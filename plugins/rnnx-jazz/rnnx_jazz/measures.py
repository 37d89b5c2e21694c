"""What a solo and a model of tokens come to, in figures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from rnnx import ngram_losses
from rnnx_jazz.corpus import JazzCorpus, whole
from rnnx_jazz.improvising import Solo
from rnnx_jazz.music import TICKS, Bar, Note, Tune
from rnnx_jazz.recalling import nats_with_memory
from rnnx_jazz.tokens import parsed, place_of

if TYPE_CHECKING:
    from rnnx.contracts import TrainedModel

NAMES = {"C": "chord", "S": "scale", "A": "approach", "X": "other", "R": "rest"}
OUTSIDE = ("A", "X")
MOTIF = 4  # intervals of a motif
STEP = 2  # semitones, a whole tone
ORDERS = 8  # of n-grams that the network is compared with


def shares(tokens: Sequence[str]) -> dict[str, float]:
    """The share of each TYPE among notes and rests: chord, scale and approach tones, others."""
    counts = Counter(parsed(token).type for token in tokens)
    total = max(sum(counts[kind] for kind in NAMES), 1)
    return {name: counts[kind] / total for kind, name in NAMES.items()}


def solo_figures(solo: Solo) -> Iterator[tuple[str, float]]:
    """Shares, what the line is like, and the range in MIDI pitches."""
    tokens = [token for bar in solo.bars for token in bar]
    yield from shares(tokens).items()
    yield from line_figures(solo.tune).items()
    pitches = [note.pitch for note in solo.tune.notes]
    yield "notes", float(len(pitches))
    if pitches:
        yield "lowest", float(min(pitches))
        yield "highest", float(max(pitches))


def line_figures(tune: Tune) -> dict[str, float]:
    """What a line is like, each 0 … 1; what there is nothing to measure of is 0.

    strong_chord_tones    of the notes that begin on beat one or three: those of the chord
    unresolved            of all notes: those outside of chord and scale that the next note does
                          not lead into them by a step, at once
    motifs                of all runs of four intervals: those that occur again
    ends_on_chord_tone    1 where the last note is a tone of its chord
    breaths               of all bars: those with a note that end with a rest of a quarter at least
    distinct_bars         of all bars: how many differ
    steps                 of all intervals: those of a whole tone at most
    """
    notes = tune.notes
    types = [tune.chord_at(note.start).types[note.pitch % 12] for note in notes]
    steps = [two.pitch - one.pitch for one, two in pairwise(notes)]
    strong = [kind for note, kind in zip(notes, types, strict=True) if is_strong(tune, note.start)]
    runs = Counter(tuple(steps[k : k + MOTIF]) for k in range(len(steps) - MOTIF + 1))
    again = sum(count for count in runs.values() if count > 1)
    outside = sum(_is_unresolved(notes, types, k) for k in range(len(notes)))
    bars = [_sounding(tune, bar) for bar in tune.bars]
    breaths = [line and bar.end - bar.start - sum(line[-1][:2]) >= TICKS for bar, line in bars]
    return {
        "strong_chord_tones": strong.count("C") / max(len(strong), 1),
        "unresolved": outside / max(len(notes), 1),
        "motifs": again / max(sum(runs.values()), 1),
        "ends_on_chord_tone": float(types[-1:] == ["C"]),
        "breaths": sum(map(bool, breaths)) / len(bars),
        "distinct_bars": len({line for _, line in bars}) / len(bars),
        "steps": sum(abs(step) <= STEP for step in steps) / max(len(steps), 1),
    }


def is_strong(tune: Tune, tick: int) -> bool:
    """Whether a tick is beat one or three of its bar, in quarters."""
    bar = tune.bar_at(tick)
    return place_of(bar, tick) % (2 * TICKS) == 0


def _sounding(tune: Tune, bar: Bar) -> tuple[Bar, tuple[tuple[int, int, int], ...]]:
    """A bar with (start in it, length, pitch) of the notes that begin there."""
    inside = [note for note in tune.notes if bar.start <= note.start < bar.end]
    return bar, tuple((note.start - bar.start, note.length, note.pitch) for note in inside)


def _is_unresolved(notes: Sequence[Note], types: Sequence[str], k: int) -> bool:
    """Whether note ``k`` is outside and does not lead inside."""
    if types[k] not in OUTSIDE:
        return False
    if k + 1 == len(notes) or types[k + 1] in OUTSIDE:
        return True
    apart, gap = abs(notes[k + 1].pitch - notes[k].pitch), notes[k + 1].start - notes[k].end
    return apart > STEP or gap > 0


def held_out_figures(
    model: TrainedModel, corpus: JazzCorpus, memory: float
) -> Iterator[tuple[str, float]]:
    """Nats a token of each held-out tune and of all, beside a unigram's and a bigram's.

    Of all also those of the best n-gram of orders 1 … 8, and those of the network with a memory.
    """
    if not corpus.held_out:
        return
    train = whole(corpus.tunes, corpus.vocabulary)
    n_symbols = len(corpus.vocabulary)
    names = _unlike([slug(tune.title) for tune in corpus.held_out])
    groups: Mapping[str, Sequence[int]] = {
        "all": range(len(corpus.held_out)),
        **{name: [k] for k, name in enumerate(names)},
    }
    for name, places in groups.items():
        val = whole([corpus.held_out[k] for k in places], corpus.vocabulary)
        losses = ngram_losses(train, val, n_symbols, ORDERS if name == "all" else 2)
        yield f"{name}/loss", model.mean_nats(val)
        yield f"{name}/unigram", losses[0]
        yield f"{name}/bigram", losses[1]
        if name == "all":
            yield f"{name}/best_ngram", min(losses)
            yield f"{name}/with_memory", nats_with_memory(model, val, memory)


def slug(title: str) -> str:
    """A title as a piece of a metric's name."""
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")[:60] or "tune"


def _unlike(names: Sequence[str]) -> list[str]:
    """Names of which no two are one, nor `all`."""
    found: list[str] = []
    for k, name in enumerate(names):
        taken = name == "all" or names.count(name) > 1
        found.append(f"{name}_{k + 1}" if taken else name)
    return found
