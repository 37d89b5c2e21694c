"""Normal weights: W ~ N(0, scale²). The notebook uses scale 0.01."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array
from rnnx.contracts.ranges import require_positive


@dataclass(frozen=True)
class Normal:
    """Independent normal weights of mean 0."""

    scale: float = 0.01
    """The standard deviation, above 0."""

    def __post_init__(self) -> None:
        require_positive("scale", self.scale)

    def fill(self, rng: np.random.Generator, n_out: int, n_in: int, dtype: npt.DTypeLike) -> Array:
        return (self.scale * rng.standard_normal((n_out, n_in))).astype(dtype)
