"""What a session measures in a step, and what it needs to continue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array
from rnnx.models.network import States


class StepMetrics(NamedTuple):
    """Measured by the last step."""

    loss: float  # as optimised
    norm: float  # the gradient's global L2 norm before clipping
    clipped: bool
    rate: float  # the learning rate used
    tokens: int


class SessionState(NamedTuple):
    """All that a session needs to continue bit for bit."""

    arrays: dict[str, Array]  # params/…, average/…, optimizer/…, states/<layer>/<place>, batches/…
    values: dict[str, Any]  # step, smooth_loss, generators, batches, threads, backend


class Gradients(NamedTuple):
    """What forward and backward of one batch give, beside the gradients in ``Session.grads``."""

    loss: float
    norm: float
    states: States  # after the batch's last step
    h: Array  # (T, n_a, B), the top layer's
    dh: Array  # (T, n_a, B)


def split_state(part: str, state: Mapping[str, Any]) -> tuple[dict[str, Array], dict[str, Any]]:
    """The arrays of a part's state, under ``part/``, and its other values."""
    arrays = {f"{part}/{k}": v for k, v in state.items() if isinstance(v, np.ndarray)}
    return arrays, {k: v for k, v in state.items() if not isinstance(v, np.ndarray)}


def arrays_below(
    part: str, arrays: Mapping[str, Array]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """The arrays under ``part/``, without it in their names, and the others."""
    prefix = f"{part}/"
    below = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
    return below, {k: v for k, v in arrays.items() if not k.startswith(prefix)}
