"""What the memory of a solo is worth on tunes: the loss of the network with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rnnx import Array, Examples, State
from rnnx_jazz.memory import events_of, remembered

if TYPE_CHECKING:
    from rnnx.contracts import TrainedModel


@dataclass(frozen=True, eq=False)
class _Reading:
    """A sampler that draws what is written, and notes how likely it was."""

    ids: Array  # (T, B), 0 beyond a text's end
    events: Array  # (n_y,) of bool
    memory: float
    nats: Array  # (T, B), filled as it reads

    def sample(self, logits: Array, before: Array, rng: np.random.Generator) -> Array:
        t = len(before)
        for b, z in enumerate(logits.T.astype(np.float64)):
            p = np.exp(z - z.max())
            past = before[:, b]
            p = remembered(p / p.sum(), past[self.events[past]], self.memory)
            self.nats[t, b] = -np.log(p[self.ids[t, b]])
        drawn: Array = self.ids[t]
        return drawn


@dataclass(frozen=True)
class _Anything:
    """A grammar in which every token may follow every other."""

    n_symbols: int

    def start(self, B: int) -> State:
        return (np.zeros(B),)

    def allowed(self, state: State) -> Array:
        return np.ones((self.n_symbols, len(state[0])), np.bool_)

    def follow(self, state: State, ids: Array) -> State:
        return state


def nats_with_memory(model: TrainedModel, tunes: Examples, memory: float) -> float:
    """The mean of −ln p over the tokens of whole tunes; chords are not remembered."""
    T, B = int(tunes.lengths.max()), len(tunes)
    ids = np.zeros((T, B), np.intp)
    for b in range(B):
        ids[: tunes.lengths[b], b] = tunes.targets(b)
    events = events_of(model.vocabulary)
    reading = _Reading(ids, events, memory, np.zeros((T, B)))
    model.sample(B, sampler=reading, length=T, grammar=_Anything(len(events)))
    inside = np.arange(T)[:, None] < tunes.lengths
    return float(reading.nats[inside].mean())
