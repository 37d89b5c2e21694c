"""What data tells of itself: levels that its metrics have without learning, and when it is solved.

A metric is named as a head names it: ``loss``, ``accuracy``, ``mse``; all are those of the held-out
part. What a head does not measure is left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from rnnx.errors import DataError


class Level(NamedTuple):
    """A value of a metric to compare with: of guessing, of no memory, of knowing all."""

    metric: str  # "loss" (in nats), "accuracy", …
    name: str  # "chance", "no_memory", "optimum": a-z, 0-9, _
    value: float

    @property
    def key(self) -> str:
        """Its name as a metric of a run: ``level/accuracy_chance``."""
        return f"level/{self.metric}_{self.name}"


def beside(levels: Iterable[Level], metric: str) -> str:
    """The levels of a metric, to stand behind its value: `` (chance 0.5, optimum 1)``."""
    ours = [level for level in levels if level.metric == metric]
    told = ", ".join(f"{one.name.replace('_', ' ')} {one.value:.4g}" for one in ours)
    return told and f" ({told})"


class Criterion(NamedTuple):
    """The task is solved where the metric has been as good as ``bound`` in several evaluations."""

    metric: str  # "loss", "accuracy", …
    bound: float
    evaluations: int = 1  # in a row, ≥ 1

    def is_met(self, value: float, higher_is_better: bool) -> bool:
        """Whether a measured value is as good as the bound; nan is not."""
        return value >= self.bound if higher_is_better else value <= self.bound


def refuse_wrong_yardsticks(levels: Iterable[Level], criterion: Criterion | None) -> None:
    """DataError for a level that is no number or stands twice, and for a criterion never met."""
    keys = [level.key for level in levels]
    if len(set(keys)) != len(keys):
        raise DataError(f"corpus: two levels of one name among {', '.join(keys)}")
    for level in levels:
        if not math.isfinite(level.value):
            raise DataError(f"corpus: {level.key} is {level.value}; a level is a finite number")
    if criterion and not (math.isfinite(criterion.bound) and criterion.evaluations >= 1):
        raise DataError(f"corpus: {criterion} is never met; give a bound and evaluations ≥ 1")
