"""The initialisers of a linear output, and its fresh parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Params
from rnnx.config.initialization import fill
from rnnx.contracts.components import InitializerSpec


@dataclass(frozen=True)
class HeadWeights:
    """The initialiser of each kind of weight: its name, or ``{name: normal, scale: 0.1}``."""

    output: InitializerSpec = "glorot"
    """Of Wy (Glorot and Bengio 2010)."""
    bias: InitializerSpec = "zeros"
    """Of by."""


def drawn(
    weights: HeadWeights, rng: np.random.Generator, n_a: int, n_y: int, dtype: npt.DTypeLike
) -> Params:
    """Fresh Wy (n_y, n_a) and by (n_y, 1)."""
    return {
        "Wy": fill(weights.output, rng, (n_y, n_a), dtype),
        "by": fill(weights.bias, rng, (n_y, 1), dtype),
    }
