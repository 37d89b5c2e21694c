"""Metrics of predictions: accuracy, error, R², each summed up batch by batch.

A metric of held-out data is a function of sums over its batches, so it needs no memory that grows
with the data. Targets that do not count (padding, weight 0) are in no sum; others count by weight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from rnnx.arrays import Array
from rnnx.data.targets import Quantity, TargetKind, Targets

TOLERANCE = 0.1  # of the error of a value, where neither the head nor the data has another


class Metric(NamedTuple):
    """A metric of the held-out data beside the loss; it is logged as ``val/<name>``."""

    name: str  # a-z, 0-9, _
    unit: str  # "°C²"; "": a fraction or a number without a unit
    higher_is_better: bool
    words: str  # for a table: "accuracy a step"


class Prediction(NamedTuple):
    """What a head predicts for a batch, in the shapes of its targets."""

    y: Array  # as the batch's y: ids; values; bits 0 or 1
    # (T, n_y, B) or (n_y, B): the probability of each class or bit; of each value the standard
    # deviation, in the scale of y, where the head predicts one.
    p: Array | None = None


class RankedPrediction(Prediction):
    """A prediction of data that knows which targets each step could have had."""

    first: Array
    """(T, B) whether all of those are more probable than all others."""

    @classmethod
    def of(cls, found: Prediction, first: Array) -> RankedPrediction:
        """A prediction with ``first`` beside it."""
        ranked = cls(*found)
        ranked.first = first
        return ranked


class Metrics(Protocol):
    """Metrics that are functions of sums; what a head's ``metrics`` returns."""

    @property
    def metrics(self) -> Sequence[Metric]:
        """Those that :meth:`values` may give."""

    def sums(self, found: Prediction, y: Array, weights: Array) -> Array:
        """(k,) float64 sums of one batch, which are added up over all batches.

        ``y`` is the batch's; ``weights`` (T, B), or (B,) for sequences, is 0 where a target does
        not count. A column is a whole sequence.
        """

    def values(self, sums: Array) -> Mapping[str, float]:
        """The metrics by name from the added sums; one that is undefined there is left out."""


@dataclass(frozen=True)
class NoMetrics:
    """The loss alone."""

    metrics: Sequence[Metric] = ()

    def sums(self, found: Prediction, y: Array, weights: Array) -> Array:
        return np.zeros(0)

    def values(self, sums: Array) -> Mapping[str, float]:
        return {}


@dataclass(frozen=True)
class ClassMetrics:
    """The accuracy of classes: of all targets, and of sequences in which every one is right.

    Where the data says so, also the share within ``targets.tolerance``, and the share of sequences
    in which all targets that a step could have had are the most probable at every step.
    """

    targets: Targets

    @property
    def metrics(self) -> Sequence[Metric]:
        targets = self.targets
        found = [Metric("accuracy", "", True, f"accuracy a {targets.unit}")]
        if not targets.per_sequence:
            found.append(Metric("sequence_accuracy", "", True, "accuracy a whole sequence"))
        if targets.tolerance is not None:
            words = f"all probabilities within {targets.tolerance:g}"
            found.append(Metric("within", "", True, words))
        if targets.alternatives:
            words = "all possible targets first"
            found.append(Metric("alternatives_first", "", True, words))
        return found

    def sums(self, found: Prediction, y: Array, weights: Array) -> Array:
        right, counts = found.y == y, weights > 0
        pairs = [_share(right, weights)]
        if not self.targets.per_sequence:
            pairs.append(_share_of_sequences(right, counts))
        if self.targets.tolerance is not None:
            near = _nearness(found.p, y) <= self.targets.tolerance
            pairs.append(_share(near, weights))
        if self.targets.alternatives:
            # Without probabilities nothing counts, and the metric is left out.
            first = found.first if isinstance(found, RankedPrediction) else None
            pairs.append((0.0, 0.0) if first is None else _share_of_sequences(first, counts))
        return np.array(pairs, np.float64).ravel()

    def values(self, sums: Array) -> Mapping[str, float]:
        shares = zip(self.metrics, sums.reshape(-1, 2), strict=True)
        return {metric.name: part / whole for metric, (part, whole) in shares if whole > 0}


@dataclass(frozen=True)
class ValueMetrics:
    """The error of values in their unit, R², and the share within ``tolerance`` of the target.

    Where the quantities have several units, errors are in standard deviations. R² is the mean over
    the quantities.
    """

    targets: Targets
    tolerance: float = TOLERANCE
    """Of the error, in the values' unit. At least 0."""

    @property
    def _scale(self) -> Array:
        """(n_y,) what an error in an array is multiplied with."""
        quantities = self.targets.quantities
        if len({one.unit for one in quantities}) > 1:
            return np.ones(len(quantities))
        return np.array([one.deviation for one in quantities])

    @property
    def metrics(self) -> Sequence[Metric]:
        unit = _shared_unit(self.targets.quantities)
        within = f"within {self.tolerance:g} {unit}".strip()
        return [
            Metric("mse", _squared(unit), False, "mean squared error"),
            Metric("mae", unit, False, "mean absolute error"),
            Metric("r2", "", True, "R²"),
            Metric("within", "", True, f"share {within}"),
        ]

    def sums(self, found: Prediction, y: Array, weights: Array) -> Array:
        columns, weight = _rows(y, weights)
        guess, _ = _rows(found.y, weights)
        error = np.abs(guess - columns) * self._scale
        parts = [
            np.broadcast_to(weight, columns.shape),
            weight * columns,
            weight * columns**2,
            weight * (guess - columns) ** 2,
            weight * error**2,
            weight * error,
            weight * (error <= self.tolerance),
        ]
        return np.concatenate([np.sum(part, axis=0) for part in parts])

    def values(self, sums: Array) -> Mapping[str, float]:
        count, total, squares, raw, squared, absolute, within = sums.reshape(7, -1)
        if not count[0] > 0:
            return {}
        means = {"mse": squared, "mae": absolute, "within": within}
        found = {name: float(np.mean(part / count)) for name, part in means.items()}
        spread = squares - total**2 / count
        if (spread > 1e-12 * np.maximum(squares, 1e-300)).all():
            found["r2"] = float(np.mean(1 - raw / spread))
        return found


@dataclass(frozen=True)
class BitMetrics:
    """The accuracy of bits, and F₁ of those that are 1."""

    targets: Targets

    @property
    def metrics(self) -> Sequence[Metric]:
        return [
            Metric("accuracy", "", True, "accuracy a bit"),
            Metric("f1", "", True, "F₁ of the bits that are 1"),
        ]

    def sums(self, found: Prediction, y: Array, weights: Array) -> Array:
        (guess, weight), (truth, _) = _rows(found.y, weights), _rows(y, weights)
        guess, truth = guess >= 0.5, truth >= 0.5
        count = float(np.sum(weight)) * truth.shape[1]
        parts = [np.sum(weight * part) for part in (guess == truth, guess & truth, guess, truth)]
        return np.array([count, *parts], np.float64)

    def values(self, sums: Array) -> Mapping[str, float]:
        count, right, both, guessed, true = sums.tolist()
        found = {"accuracy": right / count} if count > 0 else {}
        if guessed + true > 0:
            found["f1"] = 2 * both / (guessed + true)
        return found


def metrics_for(targets: Targets, tolerance: float | None = None) -> Metrics:
    """The usual metrics of targets of this kind.

    ``tolerance`` is that of values; None: what the data says, else 0.1.
    """
    match targets.kind:
        case TargetKind.values:
            own = targets.tolerance if targets.tolerance is not None else TOLERANCE
            return ValueMetrics(targets, own if tolerance is None else tolerance)
        case TargetKind.bits:
            return BitMetrics(targets)
        case TargetKind.classes:
            return ClassMetrics(targets)
    return NoMetrics()


def counting(weights: Array | None, lengths: Array | None, T: int, B: int, whole: bool) -> Array:
    """(T, B) float64, or (B,) for ``whole`` sequences: the weight of each target, 0 in padding."""
    if whole:
        return np.ones(B) if weights is None else np.asarray(weights, np.float64)
    found = np.ones((T, B)) if weights is None else np.asarray(weights, np.float64)
    return found if lengths is None else np.where(np.arange(T)[:, None] < lengths, found, 0)


def _share(right: Array, weights: Array) -> tuple[float, float]:
    """The weight of the targets that are right, and that of all."""
    return float(np.sum(weights * right)), float(np.sum(weights))


def _share_of_sequences(right: Array, counts: Array) -> tuple[float, float]:
    """The number of columns in which every target that counts is right, and of those with one."""
    some = counts.any(axis=0)
    return float(np.sum((right | ~counts).all(axis=0) & some)), float(np.sum(some))


def _nearness(p: Array | None, y: Array) -> Array:
    """The largest distance of a probability from 0 or 1, whichever is right: shaped as y.

    inf where the head tells no probabilities.
    """
    if p is None:
        return np.full(y.shape, np.inf)
    at_target = np.take_along_axis(p, np.expand_dims(y.astype(np.intp), -2), -2)
    others = p.copy()
    np.put_along_axis(others, np.expand_dims(y.astype(np.intp), -2), 0, -2)
    found: Array = np.maximum(1 - at_target.squeeze(-2), np.max(others, axis=-2))
    return found


def _rows(y: Array, weights: Array) -> tuple[Array, Array]:
    """(T, n_y, B) or (n_y, B), and its weights, as (targets that count, n_y) and (…, 1)."""
    counts = weights > 0
    columns = np.moveaxis(y, -2, -1)[counts].astype(np.float64)
    return columns, weights[counts][:, None]


def _squared(unit: str) -> str:
    """A unit squared: m², (m/s)²."""
    return unit and (f"{unit}²" if unit.replace("°", "").isalnum() else f"({unit})²")


def _shared_unit(quantities: Sequence[Quantity]) -> str:
    units = {one.unit for one in quantities}
    return units.pop() if len(units) == 1 else "standard deviations"
