"""From the name of an initialiser to filled weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from rnnx.contracts import Array, Initializer
from rnnx.errors import ConfigError

Filling: TypeAlias = str | Mapping[str, Any] | Initializer
"""``"normal"``, ``{"name": "normal", "scale": 0.1}``, or an initializer itself."""


def initializer(filling: Filling, where: str = "weights") -> Initializer:
    """The initializer that ``filling`` names; ``where`` stands in front of an error."""
    from rnnx.config import component_from
    from rnnx.plugins import registry

    if isinstance(filling, str):
        filling = {"name": filling}
    if isinstance(filling, Mapping):
        made: Initializer = component_from("initializer", filling, where)
        return made
    if not callable(getattr(filling, "fill", None)):
        choices = ", ".join(registry().names("initializer"))
        raise ConfigError(f"{where}={filling}: must name an initializer; choose: {choices}")
    return filling


def fill(
    filling: Filling,
    rng: np.random.Generator,
    shape: tuple[int, int],
    dtype: npt.DTypeLike,
    blocks: int = 1,
) -> Array:
    """Weights of (blocks · n_out, n_in) for ``shape`` = (n_out, n_in), each block filled alone.

    A gate is a block: the fan of an LSTM's forget gate is its own, not four times as large, and
    an orthogonal recurrent matrix is orthogonal gate by gate.
    """
    chosen = initializer(filling)
    parts = [chosen.fill(rng, shape[0], shape[1], dtype) for _ in range(blocks)]
    return np.ascontiguousarray(np.concatenate(parts), dtype)
