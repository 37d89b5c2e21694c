"""A scaled identity matrix: W = gain · I (Le, Jaitly and Hinton 2015, for recurrent relu)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array
from rnnx.contracts.ranges import require_positive


@dataclass(frozen=True)
class Identity:
    """``gain`` on the diagonal and 0 elsewhere: at first a recurrent layer copies its state."""

    gain: float = 1.0
    """The number on the diagonal, above 0."""

    def __post_init__(self) -> None:
        require_positive("gain", self.gain)

    def fill(self, rng: np.random.Generator, n_out: int, n_in: int, dtype: npt.DTypeLike) -> Array:
        return (self.gain * np.eye(n_out, n_in)).astype(dtype)
