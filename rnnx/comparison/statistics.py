"""Statistics over seeds: values in, numbers out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """The mean and the sample standard deviation; nan of none, and of one, respectively."""
    with np.errstate(over="ignore", invalid="ignore"):  # a diverging run's losses near 1e308
        mean = float(np.mean(values)) if values else math.nan
        return mean, float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
