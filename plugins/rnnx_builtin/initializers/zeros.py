"""Zero weights: W = 0, for biases."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array


@dataclass(frozen=True)
class Zeros:
    """0 everywhere, as biases begin."""

    def fill(self, rng: np.random.Generator, n_out: int, n_in: int, dtype: npt.DTypeLike) -> Array:
        return np.zeros((n_out, n_in), dtype)
