"""Levels that several tasks share."""

from __future__ import annotations

from math import log

from rnnx.data.yardsticks import Criterion, Level

LEARNED = Criterion("accuracy", 0.99, 3)
"""99 % of all held-out targets, three evaluations in a row."""

SOLVED = Criterion("accuracy", 0.9, 3)
"""Delétang et al. 2023 call a task solved at 90 %; here three evaluations in a row."""


def guessed(n: int, together: int = 1) -> tuple[Level, ...]:
    """Of a target that is one of n classes, equally often, and never in doubt.

    The loss is that of ``together`` such targets.
    """
    return (
        Level("accuracy", "chance", 1 / n),
        Level("accuracy", "optimum", 1.0),
        Level("loss", "chance", together * log(n)),
        Level("loss", "optimum", 0.0),
    )
