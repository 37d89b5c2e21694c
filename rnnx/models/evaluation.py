"""The held-out loss, always in nats a token."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.data.batches import evaluation_batches, longest_first
from rnnx.data.corpus import Examples, Split, Stream
from rnnx.data.vocabulary import Vocabulary
from rnnx.models.network import Network

COLUMNS = 64  # of a batch: wide enough for the products, whatever training uses


class Evaluation(NamedTuple):
    """A loss and what it was measured on."""

    loss: float  # nats a token
    tokens: int


def first_tokens(split: Split, most: int) -> Split:
    """The beginning of a split with about ``most`` targets; all of it for 0."""
    if most == 0 or split.tokens <= most:
        return split
    if isinstance(split, Stream):
        return Stream(split.ids[: most + 1], split.length)
    enough = int(np.searchsorted(np.cumsum(split.lengths), most)) + 1
    return split.select(np.arange(enough))


def with_ids_of(ours: Vocabulary, theirs: Vocabulary, split: Split) -> Split:
    """``split`` with the ids of ``ours`` in place of those of ``theirs``."""
    if ours.symbols == theirs.symbols:
        return split
    ids = np.array(ours.encode(theirs.symbols, "data"), np.intp)  # by their id
    changed: dict[str, Any] = {"ids": ids[split.ids]}
    if isinstance(split, Examples) and split.first is not None:
        changed["first"] = ids[split.first]
    return replace(split, **changed)


def mean_nats(network: Network, params: Parameters, split: Split, scratch: Scratch) -> float:
    """The mean of −ln p over every target of ``split``."""
    total, tokens, states = 0.0, 0, None
    for batch in evaluation_batches(split, COLUMNS):
        B = batch.x.shape[1]
        if states is None or not batch.carried:
            states = network.initial_state(B, params.flat.dtype)
        nats, states = batch_nats(network, params, batch.x, batch.y, batch.lengths, states, scratch)
        total += float(np.sum(nats, dtype=np.float64))
        tokens += batch.tokens
    return total / max(tokens, 1)


def example_nats(
    network: Network, params: Parameters, examples: Examples, scratch: Scratch
) -> Array:
    """(examples,) the mean of −ln p over the targets of each example, in order."""
    means = np.empty(len(examples))
    order = longest_first(examples.lengths)  # as evaluation_batches will have them
    for start in range(0, len(order), COLUMNS):
        which = order[start : start + COLUMNS]
        batch = next(evaluation_batches(examples.select(which), COLUMNS))
        states = network.initial_state(len(which), params.flat.dtype)
        nats, _ = batch_nats(network, params, batch.x, batch.y, batch.lengths, states, scratch)
        means[which] = nats.sum(axis=0, dtype=np.float64) / examples.lengths[which]
    return means


def batch_nats(
    network: Network,
    params: Parameters,
    x: Array,
    y: Array,
    lengths: Array | None,
    states: tuple[tuple[Array, ...], ...],
    scratch: Scratch,
) -> tuple[Array, tuple[tuple[Array, ...], ...]]:
    """(T, B) of −ln p for one batch, 0 beyond the lengths, and the final states."""
    h, states, _ = network.forward(params, x, states, lengths, scratch)
    _, nats, _ = network.loss(params, h, y, lengths, scratch)
    return nats, states
