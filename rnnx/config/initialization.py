"""From the name of an initializer to filled weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array
from rnnx.config.components import initializer
from rnnx.contracts.components import Initializer


def fill(
    filling: str | Mapping[str, Any] | Initializer,
    rng: np.random.Generator,
    shape: tuple[int, int],
    dtype: npt.DTypeLike,
    blocks: int = 1,
) -> Array:
    """Weights of (blocks · n_out, n_in) for ``shape`` = (n_out, n_in), filled block by block.

    ``filling`` is ``"normal"``, ``{"name": "normal", "scale": 0.1}`` or an initializer itself. Give
    a block for each gate: the fan of a gate is then its own, not that of all gates together, and
    an orthogonal recurrent matrix is orthogonal gate by gate.
    """
    chosen = initializer(filling)
    parts = [chosen.fill(rng, shape[0], shape[1], dtype) for _ in range(blocks)]
    return np.ascontiguousarray(np.concatenate(parts), dtype)
