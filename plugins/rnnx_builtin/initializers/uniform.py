"""Uniform weights: W ~ U(−scale, scale)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array
from rnnx.contracts.ranges import require_positive


@dataclass(frozen=True)
class Uniform:
    """Independent uniform weights from −scale to scale."""

    scale: float = 0.08
    """The largest absolute value, above 0. Karpathy's char-rnn uses 0.08."""

    def __post_init__(self) -> None:
        require_positive("scale", self.scale)

    def fill(self, rng: np.random.Generator, n_out: int, n_in: int, dtype: npt.DTypeLike) -> Array:
        return rng.uniform(-self.scale, self.scale, (n_out, n_in)).astype(dtype)
