"""What the solos of a run are like, beside its tunes and beside solos by a bigram.

The bigram is fitted on the tunes that the run was trained on, and draws under the same grammar.
Two more lines tell the loss on the tunes that were held out, and what the tokens keep of a tune.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

import rnnx
from rnnx import Array, Model, ngram_losses
from rnnx.errors import ConfigError
from rnnx_jazz.corpus import Encoded, JazzCorpus, whole
from rnnx_jazz.dataset import Jazz
from rnnx_jazz.decoding import decode
from rnnx_jazz.improvising import improvise, sampled
from rnnx_jazz.measures import ORDERS, line_figures
from rnnx_jazz.music import Tune


class Target(NamedTuple):
    """What a mean has to reach."""

    name: str  # of line_figures
    bound: float
    is_least: bool  # at least; else at most

    def __str__(self) -> str:
        return f"{'≥' if self.is_least else '≤'} {self.bound:g}"

    def is_met(self, value: float) -> bool:
        """Whether a mean reaches it."""
        return value >= self.bound if self.is_least else value <= self.bound


TARGETS = (
    Target("strong_chord_tones", 0.75, True),
    Target("unresolved", 0.03, False),
    Target("motifs", 0.2, True),
    Target("ends_on_chord_tone", 1.0, True),
    Target("breaths", 0.15, True),
)


@dataclass(frozen=True, eq=False)
class Bigram:
    """A sampler that knows which token follows which, and nothing of the network."""

    counts: Array  # (n_y + 1, n_y): how often each follows each; the last row: how often at all
    temperature: float

    def sample(self, logits: Array, before: Array, rng: np.random.Generator) -> Array:
        last = before[-1] if len(before) else np.full(logits.shape[1], -1)
        follows, at_all = self.counts[last].T, self.counts[-1][:, None]
        seen, kinds = follows.sum(axis=0), np.count_nonzero(follows, axis=0)
        p = (follows + kinds * at_all / at_all.sum()) / np.maximum(seen + kinds, 1)
        weights = np.where(np.isfinite(logits), (p + 1e-9) ** (1 / self.temperature), 0)
        total = np.cumsum(weights, axis=0)
        ids: Array = np.count_nonzero(total <= rng.random(total.shape[1]) * total[-1], axis=0)
        return ids


def bigram_of(corpus: JazzCorpus, temperature: float) -> Bigram:
    """The bigram of the tunes that a corpus is trained on."""
    n, examples = len(corpus.vocabulary), whole(corpus.tunes, corpus.vocabulary)
    counts = np.zeros((n + 1, n))
    for i in range(len(examples)):
        ids = examples.targets(i).astype(np.int64)
        np.add.at(counts, (ids[:-1], ids[1:]), 1)
        np.add.at(counts[-1], ids, 1)
    return Bigram(counts, temperature)


def tunes_of(model: Model) -> JazzCorpus:
    """The data of a run, as they are now; ConfigError where it is no run of dataset=jazz."""
    config = dict(model.config["dataset"])
    if config.pop("name", None) != "jazz":
        raise ConfigError("RUN: is no run of dataset=jazz; give one: rnnx train experiment=jazz")
    dataset = Jazz(**config)
    corpus = dataset.load(dataset.split_seed)
    assert isinstance(corpus, JazzCorpus)
    return corpus


def means(tunes: Sequence[Tune]) -> dict[str, float]:
    """The mean of each figure of some lines."""
    found = [line_figures(tune) for tune in tunes]
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}


def measure(run: str, chart: Tune, count: int, temperature: float, memory: float) -> Iterator[str]:
    """The lines of a report: the means of ``count`` solos, what they have to reach, and others."""
    model = rnnx.load(run)
    corpus = tunes_of(model)
    solos = [improvise(model, chart, temperature, seed, memory).tune for seed in range(count)]
    bigram = bigram_of(corpus, temperature)
    others = [sampled(model, chart, bigram, seed).tune for seed in range(count)]
    ours, theirs = means(solos), means(others)
    written = means([tune.line for tune in corpus.tunes])
    yield f"{'mean of each':20}{'solos':>8}{'bigram':>8}{'tunes':>8}  target"
    targets = {target.name: target for target in TARGETS}
    for name, value in ours.items():
        target = targets.get(name)
        met = "" if target is None else f"{target} {'met' if target.is_met(value) else 'missed'}"
        columns = "".join(f"{one[name]:8.3f}" for one in (ours, theirs, written))
        yield f"{name:20}{columns}  {met}".rstrip()
    if corpus.held_out:
        yield _held_out_line(model, corpus)
    intervals, motifs = zip(*map(kept, corpus.tunes), strict=True)
    yield (
        f"written as tokens and read again, a tune keeps {min(intervals):.0%} of its intervals and "
        f"{min(motifs):.0%} of its motifs at least"
    )


def _held_out_line(model: Model, corpus: JazzCorpus) -> str:
    train, val = (whole(tunes, corpus.vocabulary) for tunes in (corpus.tunes, corpus.held_out))
    losses = ngram_losses(train, val, len(corpus.vocabulary), ORDERS)
    best = min(losses)
    return (
        f"held-out loss in nats a token: network {model.mean_nats(val):.3f}, best n-gram "
        f"{best:.3f} (order {losses.index(best) + 1}), bigram {losses[1]:.3f}"
    )


def kept(tune: Encoded) -> tuple[float, float]:
    """The shares of a tune's intervals and of its motifs that its tokens give back."""
    again = decode(tune.bars, tune.line)
    before, after = (
        [two.pitch - one.pitch for one, two in pairwise(line.notes)] for line in (tune.line, again)
    )
    same = sum(one == two for one, two in zip(before, after, strict=True))
    written, read = (line_figures(line)["motifs"] for line in (tune.line, again))
    return same / max(len(before), 1), read / written if written else 1.0
