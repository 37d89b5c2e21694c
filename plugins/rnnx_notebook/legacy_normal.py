"""N(0, scale²) from NumPy's legacy generator: the notebook's ``initialize_parameters``.

    np.random.seed(1);   Wax, Waa, Wya = randn(…) · 0.01,  one after another

All weights of one network come from one stream, in the order in which they are asked for: the
cell's input weights, its recurrent weights, the head's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array
from rnnx.contracts.ranges import require, require_positive

# The streams that networks being made have drawn from so far. A fill knows its network by the
# generator that all its fills are given (by its lock, for generators take no weak references);
# the entry goes when that generator does.
_streams: WeakKeyDictionary[Any, dict[int, np.random.RandomState]] = WeakKeyDictionary()


@dataclass(frozen=True)
class LegacyNormal:
    """Independent normal numbers from ``RandomState(seed)``, whatever the run's own seed is."""

    seed: int = 1
    """Of the legacy generator, 0 … 2³² − 1."""
    scale: float = 0.01
    """The standard deviation, above 0."""

    def __post_init__(self) -> None:
        require(0 <= self.seed < 2**32, "seed", "0 … 4294967295", self.seed)
        require_positive("scale", self.scale)

    def fill(self, rng: np.random.Generator, n_out: int, n_in: int, dtype: npt.DTypeLike) -> Array:
        streams = _streams.setdefault(rng.bit_generator.lock, {})
        stream = streams.setdefault(self.seed, np.random.RandomState(self.seed))
        return (stream.randn(n_out, n_in) * self.scale).astype(dtype)
