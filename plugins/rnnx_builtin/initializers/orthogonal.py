"""Random orthogonal weights (Saxe, McClelland and Ganguli 2014).

W = gain · Q of the QR decomposition of a normal matrix, its signs fixed so that Q is uniform
(Mezzadri 2007). With n_out ≥ n_in the columns are orthonormal, else the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array
from rnnx.contracts.ranges import require_positive


@dataclass(frozen=True)
class Orthogonal:
    """A random orthogonal matrix: repeated products neither grow nor vanish."""

    gain: float = 1.0
    """The factor on the length of a vector, above 0."""

    def __post_init__(self) -> None:
        require_positive("gain", self.gain)

    def fill(self, rng: np.random.Generator, n_out: int, n_in: int, dtype: npt.DTypeLike) -> Array:
        tall = rng.standard_normal((max(n_out, n_in), min(n_out, n_in)))
        q, r = np.linalg.qr(tall)
        q *= np.where(np.diag(r) < 0, -1.0, 1.0)
        return (self.gain * (q if n_out >= n_in else q.T)).astype(dtype)
