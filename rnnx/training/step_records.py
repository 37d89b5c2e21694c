"""What a session measures in a step."""

from __future__ import annotations

from typing import NamedTuple

from rnnx.arrays import Array
from rnnx.models.network import States


class StepMetrics(NamedTuple):
    """Measured by the last step."""

    loss: float  # as optimised
    norm: float  # the gradient's global L2 norm before clipping
    clipped: bool
    rate: float  # the learning rate used
    tokens: int


class Gradients(NamedTuple):
    """What forward and backward of one batch give, beside the gradients in ``Session.grads``."""

    loss: float
    norm: float
    states: States  # after the batch's last step
    h: Array  # (T, n_a, B), the top layer's
    dh: Array  # (T, n_a, B)
