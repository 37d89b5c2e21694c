"""Normal weights from NumPy's legacy generator, as the notebook's ``initialize_parameters``.

    np.random.seed(1);   Wax, Waa, Wya = randn(…) · 0.01,  one after another

All weights of one network are drawn from one stream, in this order: the input weights of the cell,
its recurrent weights, the weights of the head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array
from rnnx.contracts.ranges import require, require_positive

# The streams of the networks that are being initialised. All fills of a network are given the same
# generator, whose lock is the key here (a generator takes no weak reference): when the generator is
# freed, the entry goes.
_streams: WeakKeyDictionary[Any, dict[int, np.random.RandomState]] = WeakKeyDictionary()


@dataclass(frozen=True)
class LegacyNormal:
    """Independent normal weights from ``RandomState(seed)``; the run's own seed has no effect."""

    expected_failed_checks: ClassVar[dict[str, str]] = {
        "check_draws": "the notebook draws its weights from a seed of their own"
    }

    seed: int = 1
    """The seed of the legacy generator, 0 … 2³² − 1."""
    scale: float = 0.01
    """The standard deviation, above 0."""

    def __post_init__(self) -> None:
        require(0 <= self.seed < 2**32, "seed", "0 … 4294967295", self.seed)
        require_positive("scale", self.scale)

    def fill(self, rng: np.random.Generator, n_out: int, n_in: int, dtype: npt.DTypeLike) -> Array:
        streams = _streams.setdefault(rng.bit_generator.lock, {})
        stream = streams.setdefault(self.seed, np.random.RandomState(self.seed))
        return (stream.randn(n_out, n_in) * self.scale).astype(dtype)
