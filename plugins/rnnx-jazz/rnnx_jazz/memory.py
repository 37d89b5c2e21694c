"""A soloist remembers what he played: what followed the same notes before becomes likelier.

Where the last k notes, rests and times of a solo stood in it before, n times, with c of them
followed by a token, that token's probability is

    p_k = (c + a · p_{k−1}) / (n + a)        for k = 2, 3, … 12, as long as they stood before

from p_1, the network's own, with a = (1 − memory) / memory. Chords count for nothing in it, so a
figure comes back over other chords. With a memory of 0.03 held-out tunes are likelier than to the
network alone, for tunes repeat themselves. Solos are drawn with more, 0.18: so 24 bars hold as many
figures again as the tunes do, which the lower loss does not bring about.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx import Array, Vocabulary, require, require_positive
from rnnx_jazz.tokens import EVENTS, parse

SHORTEST, LONGEST = 2, 12  # tokens of a figure
MEMORY = 0.18


def events_of(vocabulary: Vocabulary) -> Array:
    """(n_y,) which tokens are times, notes, rests and ties."""
    tokens = [parse(symbol) for symbol in vocabulary.symbols]
    return np.array([token is not None and token.kind in EVENTS for token in tokens])


def remembered(p: Array, before: Array, memory: float) -> Array:
    """(n_y,) the probabilities ``p`` after what was played ``before``, ids of events alone.

    What has the probability 0 keeps it.
    """
    n = len(before)
    if not memory or n <= SHORTEST:
        return p
    other = (1 - memory) / memory
    ends = np.flatnonzero(before[:-1] == before[-1]) + 1  # behind what is like the last token
    for k in range(2, LONGEST + 1):
        ends = ends[ends >= k]
        ends = ends[before[ends - k] == before[n - k]]
        followers = before[ends]
        followers = followers[p[followers] > 0]
        if not len(followers):
            break
        counts = np.bincount(followers, minlength=len(p))
        p = (counts + other * p) / (len(followers) + other)
    return p


@dataclass(frozen=True, eq=False)
class Remembering:
    """A sampler for solos over one vocabulary."""

    events: Array  # (n_y,) of bool
    temperature: float = 0.8
    memory: float = MEMORY  # what one time before weighs against the network, 0 ≤ memory < 1

    def __post_init__(self) -> None:
        require_positive("temperature", self.temperature)
        require(0 <= self.memory < 1, "memory", "at least 0 and below 1", self.memory)

    def sample(self, logits: Array, before: Array, rng: np.random.Generator) -> Array:
        columns = [self._likely(z, past) for z, past in zip(logits.T, before.T, strict=True)]
        total = np.cumsum(np.stack(columns, axis=1), axis=0)
        marks = rng.random(total.shape[1]) * total[-1]
        ids: Array = np.count_nonzero(total <= marks, axis=0)
        return ids

    def _likely(self, logits: Array, before: Array) -> Array:
        """(n_y,) of one text."""
        scaled = (logits.astype(np.float64) - logits.max()) / self.temperature
        p = np.exp(scaled)
        p /= p.sum()
        return remembered(p, before[self.events[before]], self.memory)
