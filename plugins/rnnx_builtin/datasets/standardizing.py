"""Numbers with the mean 0 and the standard deviation 1 of their column in the training part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from rnnx.arrays import Array
from rnnx.data.targets import Quantity


def quantities_of(names: Iterable[str], training: Array) -> list[Quantity]:
    """The mean and the deviation of each column of the (rows, columns) that are trained on.

    A column that never changes has the deviation 1: it becomes 0.
    """
    mean = training.mean(axis=0, dtype=np.float64)
    deviation = training.std(axis=0, dtype=np.float64)
    constant = training.min(axis=0) == training.max(axis=0)
    deviation[constant | (deviation == 0)] = 1
    return [
        Quantity(name, "", float(m), float(d))
        for name, m, d in zip(names, mean, deviation, strict=True)
    ]


def standardized(table: Array, quantities: Sequence[Quantity]) -> Array:
    """(rows, columns) float32, from which a prediction goes back to the unit of its column."""
    mean = np.array([one.mean for one in quantities])
    deviation = np.array([one.deviation for one in quantities])
    found: Array = ((table - mean) / deviation).astype(np.float32)
    return found
