"""Tunes as ids: whole tunes are held out, windows of the others are trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rnnx import Array, Corpus, Examples, Vocabulary
from rnnx.errors import DataError
from rnnx_jazz.music import Tune, cut
from rnnx_jazz.tokens import by_bar

SHOWN = 4  # bars of a sample
FEW = 64  # windows, below which they begin at every token; still fewer are taken again and again


class Encoded(NamedTuple):
    """A tune in tokens."""

    bars: list[list[str]]
    line: Tune

    @property
    def title(self) -> str:
        """The tune's."""
        return self.line.title

    @property
    def tokens(self) -> list[str]:
        """All of them, in order."""
        return [token for bar in self.bars for token in bar]


class Windows(NamedTuple):
    """How examples are cut from tunes."""

    tunes: int  # of the first so many; 0: of all
    length: int  # tokens
    drawn: int  # how many, as the course draws them; 0: one begins at every place
    seed: int  # of the drawn ones


@dataclass(frozen=True, eq=False)
class JazzCorpus(Corpus):
    """A corpus that still knows its tunes, and the chart that its samples are improvised over."""

    tunes: tuple[Encoded, ...] = ()  # that are trained on
    held_out: tuple[Encoded, ...] = ()
    chart: Tune | None = None


@dataclass(frozen=True)
class Shown:
    """A sample as a person sees it: its first bars."""

    chart: Tune

    def __call__(self, text: str) -> str:
        bars = [" ".join(bar) for bar in by_bar(text.split(), self.chart.bars)]
        more = f" | … {len(bars)} bars" if len(bars) > SHOWN else ""
        return " | ".join(bars[:SHOWN]) + more


def corpus_of(
    tunes: Sequence[Encoded], windows: Windows, val_fraction: float, seed: int, chart: Tune
) -> JazzCorpus:
    """The corpus of tunes; DataError where there is too little in them."""
    vocabulary = Vocabulary(tuple(sorted({t for tune in tunes for t in tune.tokens})), None, " ")
    if len(vocabulary) < 2:
        raise DataError("dataset: there is one kind of token alone; there is nothing to learn")
    train, held_out = split(tunes, val_fraction, seed)
    train = train[: windows.tunes or None]
    text = "\n".join(" ".join(tune.tokens) for tune in tunes)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return JazzCorpus(
        vocabulary,
        _windows(train, windows, vocabulary),
        whole(held_out, vocabulary) if held_out else None,
        sha256,
        show=Shown(chart),
        tunes=tuple(train),
        held_out=tuple(held_out),
        chart=chart,
    )


def split(
    tunes: Sequence[Encoded], val_fraction: float, seed: int
) -> tuple[list[Encoded], list[Encoded]]:
    """Hold out a random share of the tunes, one at least; of a single tune, its last bars."""
    if not val_fraction:
        return list(tunes), []
    if len(tunes) == 1:
        bars, line = tunes[0]
        held_out = max(1, int(len(bars) * val_fraction))
        if held_out >= len(bars):
            raise DataError(
                f"dataset.val_fraction: {val_fraction} of {len(bars)} bars leaves none to train "
                "on; give more bars, or hold nothing out with dataset.val_fraction=0"
            )
        learned = len(bars) - held_out
        begin, end = cut(line, 0, learned - 1), cut(line, learned, len(bars) - 1)
        return [Encoded(bars[:learned], begin)], [Encoded(bars[learned:], end)]
    order = np.random.default_rng(seed).permutation(len(tunes))
    held = set(order[: min(max(1, int(len(tunes) * val_fraction)), len(tunes) - 1)].tolist())
    parts: tuple[list[Encoded], list[Encoded]] = ([], [])
    for k, tune in enumerate(tunes):
        parts[k in held].append(tune)
    return parts


def whole(tunes: Sequence[Encoded], vocabulary: Vocabulary) -> Examples:
    """One example a tune."""
    lengths = np.array([len(tune.tokens) for tune in tunes], np.int64)
    return Examples(_ids(tunes, vocabulary), np.cumsum(lengths) - lengths, lengths)


def _ids(tunes: Sequence[Encoded], vocabulary: Vocabulary) -> Array:
    flat = vocabulary.encode(token for tune in tunes for token in tune.tokens)
    return np.array(flat, np.min_scalar_type(len(vocabulary)))


def _windows(tunes: Sequence[Encoded], windows: Windows, vocabulary: Vocabulary) -> Examples:
    ids = _ids(tunes, vocabulary)
    length = windows.length
    if windows.drawn:
        if len(ids) <= length:
            raise DataError(
                f"dataset.length={length}: is not below the {len(ids)} tokens to train on; choose "
                "shorter windows or more bars"
            )
        # The course draws so; its window's first token is neither an input nor a target.
        draw = np.random.RandomState(windows.seed)
        starts = [int(draw.choice(len(ids) - length)) + 1 for _ in range(windows.drawn)]
        return Examples(ids, np.array(starts), np.full(windows.drawn, length - 1))
    found = _from_places(tunes, length, bars=True)
    if len(found) < FEW:
        found = _from_places(tunes, length, bars=False)
        found *= -(-FEW // len(found))  # so a batch of 64 can be drawn from the shortest tune
    starts, lengths = np.array(found, np.int64).T
    return Examples(ids, starts, lengths)


def _from_places(tunes: Sequence[Encoded], length: int, bars: bool) -> list[tuple[int, int]]:
    """(start, length) of the windows that begin at every bar of every tune, or at every token.

    Of a tune that is shorter than a window they begin in its first half.
    """
    found, begin = [], 0
    for tune in tunes:
        n, place = len(tune.tokens), 0
        own = min(length, n) if bars else min(length, -(-n // 2))
        for step in map(len, tune.bars) if bars else [1] * n:
            if place + own <= n:
                found.append((begin + place, own))
            place += step
        begin += n
    return found
