"""What a network predicts of sequences, and how a person reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.data.labelled import pack_labelled
from rnnx.data.sequences import Sequences
from rnnx.data.targets import Quantity, TargetKind, Targets
from rnnx.data.vocabulary import Vocabulary
from rnnx.models.evaluation import COLUMNS, places
from rnnx.models.network import Network


class Predicted(NamedTuple):
    """What is predicted of one sequence, of T steps or as a whole."""

    y: Array
    """Names of classes, (T,) or (); values in their own units, or bits, (T, n_y) or (n_y,)."""
    p: Array | None
    """The probability of each class or bit, (T, n_y) or (n_y,). Of each value the standard
    deviation in its own unit, where the head predicts one, else None."""


class RawPrediction(NamedTuple):
    """The same as a head gives it: ids, standardized values, bits."""

    y: Array
    p: Array | None


def predict_each(
    network: Network, params: Parameters, split: Sequences, scratch: Scratch
) -> Iterator[tuple[int, RawPrediction]]:
    """Each sequence's place and what is predicted of it, the longest sequences first.

    The arrays are the caller's own.
    """
    order = np.argsort(-split.lengths.astype(np.intp), kind="stable")
    most, start = places(network, params.flat.dtype), 0
    while start < len(order):
        fitting = max(1, most // int(split.lengths[order[start]]))
        which = order[start : start + min(COLUMNS, fitting)]
        start += len(which)
        batch = pack_labelled(split, which)
        states = network.initial_state(len(which), params.flat.dtype)
        h, _, _ = network.forward(params, batch.x, states, batch.lengths, scratch)
        found = network.predict(params, h, batch.lengths, scratch)
        for column, place in enumerate(which):
            T = int(split.lengths[place])
            y, p = (None if a is None else np.array(a[..., column]) for a in (found.y, found.p))
            whole = network.targets.per_sequence
            assert y is not None
            yield (
                int(place),
                RawPrediction(y if whole else y[:T], p if whole or p is None else p[:T]),
            )


def told(raw: RawPrediction, targets: Targets) -> Predicted:
    """Ids as names, and values in their own units."""
    if targets.kind is TargetKind.classes:
        return Predicted(np.array(targets.names)[raw.y], raw.p)
    if targets.kind is TargetKind.values:
        scale = np.array([one.deviation for one in targets.quantities])
        deviations = None if raw.p is None else raw.p.astype(np.float64) * scale
        return Predicted(in_units(raw.y, targets.quantities), deviations)
    return Predicted(raw.y, raw.p)


def in_units(standardized: Array, quantities: Sequence[Quantity]) -> Array:
    """(…, n) as arrays hold it → float64 in the quantities' own units."""
    mean = np.array([one.mean for one in quantities])
    deviation = np.array([one.deviation for one in quantities])
    found: Array = standardized.astype(np.float64) * deviation + mean
    return found


MOST_SHOWN = 60  # steps of a sequence that a table shows
MOST_FEATURES = 8  # of one step
HIDDEN = "·"  # in the place of a target that does not count


def readable_input(
    vocabulary: Vocabulary, features: Sequence[Quantity], part: Sequences, place: int
) -> str:
    """A sequence as a person reads it: its symbols, and the features of one step.

    That is the step whose target :func:`readable_targets` shows: ``step 24 of 30: temp 3.1``.
    """
    start, length = int(part.starts[place]), int(part.lengths[place])  # type: ignore[index]
    texts = []
    if part.ids is not None:
        ids = part.ids[start : start + min(length, MOST_SHOWN)].tolist()
        shown = vocabulary.separator.join("∅" if i < 0 else vocabulary.symbols[i] for i in ids)
        texts.append(shown + (" …" if length > MOST_SHOWN else ""))
    if part.features is not None:
        weights = None if part.weights is None or part.per_sequence else part.weights
        counted = None if weights is None else weights[start : start + length]
        step = _last_counted(length, counted)
        step = length - 1 if step is None else step
        row = in_units(part.features[start + step], features)
        texts.append(f"step {step + 1} of {length}: {_readable_row(row, features)}")
    return " | ".join(texts)


def _readable_row(row: Array, features: Sequence[Quantity]) -> str:
    """The features of a step: of many bits the names of those that are 1, as of a piano roll."""
    if len(features) > MOST_FEATURES and np.isin(row, (0, 1)).all():
        return " ".join(q.name for q, bit in zip(features, row, strict=True) if bit) or "∅"
    numbers = list(zip(features, row, strict=True))[:MOST_FEATURES]
    texts = [f"{q.name} {v:.4g} {q.unit}".strip() for q, v in numbers]
    return ", ".join(texts) + (", …" if len(features) > MOST_FEATURES else "")


def _last_counted(length: int, weights: Array | None) -> int | None:
    """The last step whose target counts; None where none does."""
    if weights is None:
        return length - 1
    counted = np.flatnonzero(weights > 0)
    return int(counted[-1]) if len(counted) else None


def readable_targets(targets: Targets, y: Array, weights: Array | None) -> str:
    """All classes of a sequence; of values and bits a step those of the last step that counts.

    ``y`` and ``weights`` are those of one sequence.
    """
    if targets.per_sequence:
        return targets.read(y)
    if targets.kind is TargetKind.classes:
        counted = np.ones(len(y), bool) if weights is None else weights > 0
        steps = zip(y[:MOST_SHOWN], counted, strict=False)
        texts = [targets.read(one) if counts else HIDDEN for one, counts in steps]
        return " ".join(texts) + (" …" if len(y) > MOST_SHOWN else "")
    last = _last_counted(len(y), weights)
    return HIDDEN if last is None else targets.read(y[last])
