"""Glorot's uniform distribution (Glorot and Bengio 2010).

W ~ U(−l, l),  l = √(6 / (n_in + n_out)): variance 2 / (n_in + n_out)
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array


@dataclass(frozen=True)
class Glorot:
    """Uniform weights of variance 2 / (n_in + n_out), which suits tanh layers."""

    def fill(self, rng: np.random.Generator, n_out: int, n_in: int, dtype: npt.DTypeLike) -> Array:
        limit = sqrt(6 / (n_in + n_out))
        return rng.uniform(-limit, limit, (n_out, n_in)).astype(dtype)
