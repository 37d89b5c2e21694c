"""The held-out loss: in nats a token, or in the unit of the head's loss, and the head's metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.data.batch import Batch
from rnnx.data.batches import evaluation_batches, longest_first, parts
from rnnx.data.corpus import Examples, Split, Stream, TextSplit
from rnnx.data.metrics import Prediction, RankedPrediction, counting
from rnnx.data.sequences import Endless, Sequences
from rnnx.data.vocabulary import Vocabulary
from rnnx.data.yardsticks import Level
from rnnx.errors import DataError
from rnnx.models.network import Network, States
from rnnx.models.profiles import Profile, Profiles
from rnnx.models.size import STEP_PER_STATE, wide_state, widest_of
from rnnx.models.streaming import select

COLUMNS = 64  # of a batch: wide enough for the products, whatever training uses
BUDGET = 2**29  # bytes of the arrays that one batch of an evaluation makes
# Numbers that a place of a batch takes, at most those of the built-in cells and head.
PER_UNIT, PER_SYMBOL = 12, 3


AnySplit = TypeVar("AnySplit", bound=Split)


class Evaluation(NamedTuple):
    """A loss and what it was measured on."""

    loss: float  # of the network, in ``unit``
    tokens: int  # targets that count
    ngram_loss: float | None = None  # of the n-grams alone, where they were asked for
    mixed_loss: float | None = None  # of the network and the n-grams together
    metrics: Mapping[str, float] = {}  # of the head, by name: "accuracy"; none for text
    unit: str = "nats a character"
    profiles: Mapping[str, Profile] = {}  # of the head's metrics, by length and by age
    levels: Sequence[Level] = ()  # what metrics are without learning, where the data says so


class Measured(NamedTuple):
    """What was measured on a split."""

    loss: float  # the mean over its targets
    metrics: Mapping[str, float]  # of the head, by name
    profiles: Mapping[str, Profile] = {}  # by length and by age, where they were asked for


def first_tokens(split: Split, most: int) -> Split:
    """The beginning of a split with about ``most`` targets; all of it for 0.

    Of sequences with targets ``most`` bounds the steps.
    """
    count = split.steps if isinstance(split, Sequences) else split.tokens
    if most == 0 or count <= most or isinstance(split, Endless):
        return split
    if isinstance(split, Stream):
        return Stream(split.ids[: most + 1], split.length)
    enough = int(np.searchsorted(np.cumsum(split.lengths), most)) + 1
    return split.select(np.arange(enough))


def with_ids_of(ours: Vocabulary, theirs: Vocabulary, split: AnySplit) -> AnySplit:
    """``split`` with the ids of ``ours`` in place of those of ``theirs``."""
    if ours.symbols == theirs.symbols:
        return split
    ids = np.array(ours.encode(theirs.symbols, "data"), np.intp)  # by their id
    if isinstance(split, Endless):
        raise DataError("data: examples without end cannot be measured on; name finite data")
    if split.ids is None:
        return split
    # Of sequences id −1 is the zero vector.
    changed: dict[str, Any] = {"ids": np.where(split.ids < 0, -1, ids[split.ids])}
    if isinstance(split, Sequences):
        changed["n_symbols"] = len(ours)
    if isinstance(split, Examples) and split.first is not None:
        changed["first"] = ids[split.first]
    return replace(split, **changed)


def places(network: Network, dtype: npt.DTypeLike) -> int:
    """How many places for targets a batch may have within the budget: a function of the network.

    It must not depend on the machine: where a long example is cut decides how its sums round.
    """
    layer = PER_UNIT * widest_of(network) + STEP_PER_STATE * wide_state(network)
    numbers = layer * network.layers + PER_SYMBOL * network.n_y
    return max(1, BUDGET // (np.dtype(dtype).itemsize * numbers))


def measure(
    network: Network,
    params: Parameters,
    splits: Sequence[Split],
    scratch: Scratch,
    with_profiles: bool = False,
) -> Measured:
    """The mean loss and the head's metrics over every target of ``splits``, by weight.

    ``with_profiles``: by length and by age as well, where the splits have them.
    """
    most, metrics = places(network, params.flat.dtype), network.metrics
    total, weight, sums = 0.0, 0.0, np.zeros(0)
    profiles = Profiles(metrics, splits if with_profiles else [])
    each = ((s, batch) for s in splits for batch in evaluation_batches(s, COLUMNS, most))
    for split, batch in each:
        (T, B), whole = (len(batch.x), batch.x.shape[-1]), network.targets.per_sequence
        states = network.initial_state(B, params.flat.dtype)
        h, _, _ = network.forward(params, batch.x, states, batch.lengths, scratch)
        rest = batch.y, batch.lengths, scratch, batch.weights
        _, losses, _ = network.loss(params, h, *rest)
        counts = counting(batch.weights, batch.lengths, T, B, whole)
        total += float(np.sum(counts * losses, dtype=np.float64))
        weight += float(np.sum(counts))
        found = network.predict(params, h, batch.lengths, scratch)
        found = _beside_alternatives(split, batch, found)
        sums = metrics.sums(found, batch.y, counts) + (sums if len(sums) else 0)
        profiles.add(split, batch, found, counts, losses)
    if not weight > 0:
        raise DataError("data: no target has a weight above 0: there is nothing to measure")
    return Measured(total / weight, _plain(metrics.values(sums)), profiles.values())


def _beside_alternatives(split: Split, batch: Batch, found: Prediction) -> Prediction:
    """A prediction that knows how the targets stand that each step could have had."""
    if not isinstance(split, Sequences) or split.alternatives is None:
        return found
    if batch.which is None or found.p is None:
        return found
    return RankedPrediction.of(found, split.alternatives_first(batch.which, found.p))


def mean_nats(network: Network, params: Parameters, split: Split, scratch: Scratch) -> float:
    """The mean of −ln p over every target of ``split``."""
    most, total, tokens = places(network, params.flat.dtype), 0.0, 0
    batches = evaluation_batches(split, COLUMNS, most)
    for batch, nats in _nats(network, params, batches, scratch):
        total += float(np.sum(nats, dtype=np.float64))
        tokens += batch.tokens
    return total / max(tokens, 1)


def target_nats(network: Network, params: Parameters, split: TextSplit, scratch: Scratch) -> Array:
    """(targets,) of −ln p, in the order of ``split``."""
    most, found = places(network, params.flat.dtype), np.empty(split.tokens)
    # The same batches of numbers in place of ids: their targets say where each one belongs.
    numbers = evaluation_batches(_numbered(split), COLUMNS, most)
    batches = evaluation_batches(split, COLUMNS, most)
    for (batch, nats), numbered in zip(
        _nats(network, params, batches, scratch), numbers, strict=True
    ):
        T, B = nats.shape
        lengths = np.full(B, T) if batch.lengths is None else batch.lengths
        inside = np.arange(T)[:, None] < lengths
        found[numbered.y[inside]] = nats[inside]
    return found


def _numbered(split: TextSplit) -> TextSplit:
    """A split of the same shape whose targets are 0, 1, 2 …"""
    if isinstance(split, Stream):
        return Stream(np.arange(-1, split.tokens), split.length)
    return Examples(
        np.arange(split.tokens), np.cumsum(split.lengths) - split.lengths, split.lengths
    )


def example_nats(
    network: Network, params: Parameters, examples: Examples, scratch: Scratch
) -> Array:
    """(examples,) the mean of −ln p over the targets of each example, in order."""
    most, sums = places(network, params.flat.dtype), np.zeros(len(examples))
    order, columns = longest_first(examples.lengths), min(COLUMNS, most)
    for start in range(0, len(order), columns):
        which = order[start : start + columns]
        for batch, nats in _nats(network, params, parts(examples, which, most), scratch):
            sums[which[: batch.x.shape[1]]] += nats.sum(axis=0, dtype=np.float64)
    return sums / examples.lengths


def _nats(
    network: Network, params: Parameters, batches: Iterable[Batch], scratch: Scratch
) -> Iterator[tuple[Batch, Array]]:
    """Each batch with its (T, B) of −ln p, which is valid until the next one."""
    states: States = ()
    for batch in batches:
        B = batch.x.shape[1]
        if not batch.carried:
            states = network.initial_state(B, params.flat.dtype)
        elif states[0][0].shape[1] > B:
            states = select(states, np.arange(B))
        nats, states = batch_nats(network, params, batch.x, batch.y, batch.lengths, states, scratch)
        yield batch, nats


def batch_nats(
    network: Network,
    params: Parameters,
    x: Array,
    y: Array,
    lengths: Array | None,
    states: States,
    scratch: Scratch,
) -> tuple[Array, States]:
    """(T, B) of −ln p for one batch, 0 beyond the lengths, and the final states."""
    h, states, _ = network.forward(params, x, states, lengths, scratch)
    _, nats, _ = network.loss(params, h, y, lengths, scratch)
    return nats, states


def _plain(metrics: Mapping[str, float]) -> dict[str, float]:
    """Python's own numbers: a head may compute with NumPy's."""
    return {name: float(value) for name, value in metrics.items()}
