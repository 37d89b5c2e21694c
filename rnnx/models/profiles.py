"""Metrics of held-out sequences by their length, and by the age of what a target asks for.

A profile is a metric at several places: a length or an age, and the metric of the targets there.
Where there are many lengths or ages, neighbours share a place, which is then the middle one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from rnnx.arrays import Array
from rnnx.data.batch import Batch
from rnnx.data.corpus import Split
from rnnx.data.metrics import Metrics, Prediction
from rnnx.data.sequences import Sequences

Profile: TypeAlias = Sequence[tuple[int, float]]
"""(place, value), by place."""

MOST = 40  # places of a profile


class Profiles:
    """Sums by length and by age, added up batch by batch."""

    def __init__(self, metrics: Metrics, splits: Iterable[Split]) -> None:
        self._metrics = metrics
        parts = [split for split in splits if isinstance(split, Sequences)]
        self._by_length = _Places([one.sizes for one in parts if one.sizes is not None])
        self._by_age = _Places([_ages(one) for one in parts if one.ages is not None])

    def add(
        self, split: Split, batch: Batch, found: Prediction, counts: Array, losses: Array
    ) -> None:
        """A batch, what was predicted of it, and the weights and losses (T, B) or (B,)."""
        if not isinstance(split, Sequences) or batch.which is None:
            return
        if split.sizes is not None and self._by_length:
            sizes = np.broadcast_to(split.sizes[batch.which], counts.shape)
            self._by_length.add(self._metrics, sizes, batch.y, found, counts, losses)
        if split.ages is not None and self._by_age:
            ages = _ages_of(split, batch.which, counts)
            self._by_age.add(self._metrics, ages, batch.y, found, counts, losses)

    def values(self) -> Mapping[str, Profile]:
        """``by_length/accuracy``, ``by_length/loss``, ``by_age/accuracy``, … → the profile."""
        names = [one.name for one in self._metrics.metrics]
        by_length = self._by_length.values(self._metrics, names)
        # Of ages the first metric alone: a sequence that is all right is of no age.
        by_age = self._by_age.values(self._metrics, names[:1])
        return {f"by_length/{key}": value for key, value in by_length.items()} | {
            f"by_age/{key}": value for key, value in by_age.items()
        }


class _Places:
    """Places by what they stand for, and the sums at each; false where there are fewer than two."""

    def __init__(self, numbers: Sequence[Array]) -> None:
        known = np.unique(np.concatenate(numbers)) if numbers else np.empty(0, np.int64)
        groups = np.array_split(known, min(len(known), MOST)) if len(known) > 1 else []
        self._first = np.array([group[0] for group in groups])
        self._middle = [int(group[len(group) // 2]) for group in groups]
        self._sums: dict[int, Array] = {}
        self._losses: dict[int, Array] = {}

    def __bool__(self) -> bool:
        return len(self._middle) > 1

    def add(
        self,
        metrics: Metrics,
        numbers: Array,
        y: Array,
        found: Prediction,
        counts: Array,
        losses: Array,
    ) -> None:
        """``numbers`` has the length or the age of each target, 0 for none."""
        place = np.searchsorted(self._first, numbers, "right") - 1
        for k in np.unique(place[(numbers > 0) & (counts > 0)]).tolist():
            here = np.where((place == k) & (numbers > 0), counts, 0)
            sums = metrics.sums(found, y, here)
            loss = np.array([np.sum(here * losses, dtype=np.float64), np.sum(here)])
            self._sums[k] = sums + self._sums.get(k, np.zeros_like(sums))
            self._losses[k] = loss + self._losses.get(k, np.zeros(2))

    def values(self, metrics: Metrics, names: Sequence[str]) -> dict[str, Profile]:
        found: dict[str, list[tuple[int, float]]] = {}
        for k in sorted(self._sums):
            total, weight = self._losses[k]
            here = {**metrics.values(self._sums[k]), "loss": total / weight}
            for name in ("loss", *names):
                if name in here:
                    found.setdefault(name, []).append((self._middle[k], float(here[name])))
        return dict(found)


def _ages(part: Sequences) -> Array:
    """The ages that are some."""
    ages = np.asarray(part.ages)
    return ages[ages > 0]


def _ages_of(split: Sequences, which: Array, counts: Array) -> Array:
    """The ages of a batch's targets, (T, B) or (B,); 0 in the padding."""
    assert split.ages is not None
    whole = split.per_sequence
    return split.ages[which] if whole else split.at_steps(split.ages, which, len(counts))
