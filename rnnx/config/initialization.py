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
    spec: str | Mapping[str, Any] | Initializer,
    rng: np.random.Generator,
    shape: tuple[int, int],
    dtype: npt.DTypeLike,
    blocks: int = 1,
) -> Array:
    """Weights of (blocks · n_out, n_in) for ``shape`` = (n_out, n_in), each block filled alone.

    A gate is a block: the fan of an LSTM's forget gate is its own, not four times as large, and
    an orthogonal recurrent matrix is orthogonal gate by gate.
    """
    chosen = initializer(spec)
    parts = [chosen.fill(rng, shape[0], shape[1], dtype) for _ in range(blocks)]
    return np.ascontiguousarray(np.concatenate(parts), dtype)
