"""Uniform weights whose width is that of a layer, PyTorch's two defaults.

uniform_in    W ~ U(−k, k),  k = gain / √n_in     of nn.Linear
uniform_out   W ~ U(−k, k),  k = gain / √n_out    of nn.RNN, nn.LSTM and nn.GRU, where n_out = n_a
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array
from rnnx.contracts.ranges import require_positive


@dataclass(frozen=True)
class UniformIn:
    """Uniform weights by the number of inputs."""

    gain: float = 1.0
    """A factor, above 0."""

    def __post_init__(self) -> None:
        require_positive("gain", self.gain)

    def fill(self, rng: np.random.Generator, n_out: int, n_in: int, dtype: npt.DTypeLike) -> Array:
        limit = self.gain * n_in**-0.5
        return rng.uniform(-limit, limit, (n_out, n_in)).astype(dtype)


@dataclass(frozen=True)
class UniformOut:
    """Uniform weights by the number of outputs: the units of a cell, for its biases, too."""

    gain: float = 1.0
    """A factor, above 0."""

    def __post_init__(self) -> None:
        require_positive("gain", self.gain)

    def fill(self, rng: np.random.Generator, n_out: int, n_in: int, dtype: npt.DTypeLike) -> Array:
        limit = self.gain * n_out**-0.5
        return rng.uniform(-limit, limit, (n_out, n_in)).astype(dtype)
