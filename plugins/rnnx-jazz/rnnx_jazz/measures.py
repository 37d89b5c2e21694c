"""What a solo and a model of tokens come to, in figures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rnnx import ngram_losses
from rnnx_jazz.corpus import JazzCorpus, whole
from rnnx_jazz.improvising import Solo
from rnnx_jazz.tokens import parsed

if TYPE_CHECKING:
    from rnnx.contracts import TrainedModel

NAMES = {"C": "chord", "S": "scale", "A": "approach", "X": "other", "R": "rest"}


def shares(tokens: Sequence[str]) -> dict[str, float]:
    """The share of each TYPE among notes and rests: chord, scale and approach tones, others."""
    counts = Counter(parsed(token).type for token in tokens)
    total = max(sum(counts[kind] for kind in NAMES), 1)
    return {name: counts[kind] / total for kind, name in NAMES.items()}


def solo_figures(solo: Solo) -> Iterator[tuple[str, float]]:
    """Shares, the share of bars that are unlike all others, and the range in MIDI pitches."""
    tokens = [token for bar in solo.bars for token in bar]
    yield from shares(tokens).items()
    pitches = [note.pitch for note in solo.tune.notes]
    bars = solo.tune.bars
    sounding = [
        tuple(
            (n.start - bar.start, n.length, n.pitch)
            for n in solo.tune.notes
            if bar.start <= n.start < bar.end
        )
        for bar in bars
    ]
    yield "distinct_bars", len(set(sounding)) / len(sounding)
    yield "notes", float(len(pitches))
    if pitches:
        yield "lowest", float(min(pitches))
        yield "highest", float(max(pitches))


def held_out_figures(model: TrainedModel, corpus: JazzCorpus) -> Iterator[tuple[str, float]]:
    """Nats a token of each held-out tune and of all, beside a unigram's and a bigram's."""
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
        unigram, bigram = ngram_losses(train, val, n_symbols, 2)
        yield f"{name}/loss", model.mean_nats(val)
        yield f"{name}/unigram", unigram
        yield f"{name}/bigram", bigram


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
