"""A trained model improvises over a chart."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from rnnx_jazz.decoding import decode
from rnnx_jazz.grammar import JazzGrammar
from rnnx_jazz.memory import MEMORY, Remembering, events_of
from rnnx_jazz.music import Tune
from rnnx_jazz.tokens import by_bar

if TYPE_CHECKING:
    from rnnx.contracts import Sampler, TrainedModel


class Solo(NamedTuple):
    """What was improvised."""

    bars: list[list[str]]  # tokens
    tune: Tune


def improvise(
    model: TrainedModel, chart: Tune, temperature: float, seed: int, memory: float = MEMORY
) -> Solo:
    """A solo over ``chart``, the same one for the same seed; over another chart another one."""
    return sampled(
        model, chart, Remembering(events_of(model.vocabulary), temperature, memory), seed
    )


def sampled(model: TrainedModel, chart: Tune, sampler: Sampler, seed: int) -> Solo:
    """A solo whose tokens ``sampler`` draws from what the model finds likely."""
    text = model.sample(
        1,
        sampler=sampler,
        seed=_stream(seed, chart),
        length=4 * chart.end,  # an event has a tick at least, and four tokens at most
        grammar=JazzGrammar(model.vocabulary, chart),
    )[0]
    bars = by_bar(model.vocabulary.split(text), chart.bars)
    return Solo(bars, decode(bars, chart))


def _stream(seed: int, chart: Tune) -> int:
    """What the draws over a chart begin from: two charts are not given one rhythm."""
    changes = [(start, chord.name) for start, chord in chart.changes]
    told = repr((seed, [bar.length for bar in chart.bars], changes))
    return int.from_bytes(hashlib.sha256(told.encode()).digest()[:4], "little")


def tokens_text(solo: Solo) -> str:
    """A line a bar: its number, its chords, its tokens."""
    lines = []
    for k, (bar, tokens) in enumerate(zip(solo.tune.bars, solo.bars, strict=True)):
        lines.append(f"{k + 1}\t{solo.tune.names_in(bar)}\t{' '.join(tokens)}\n")
    return "".join(lines)
