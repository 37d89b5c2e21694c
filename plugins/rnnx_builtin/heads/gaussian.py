"""The mean of a normal distribution with variance 1 for each value: squared error, in nats.

    μ = Wy·h + by,   loss of a target = Σ_k ½ (y_k − μ_k)² + n_y·½ ln 2π,   dμ = μ − y

The variance is fixed, not learned: training minimizes the squared error, and the loss is −ln of a
likelihood of the standardized values, at least n_y·0.9189. The metric ``mse`` is the squared error
in the values' own unit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.ranges import require
from rnnx.data.metrics import Metrics, Prediction, metrics_for
from rnnx.data.targets import TargetKind, Targets
from rnnx_builtin.heads.weights import HeadWeights, drawn
from rnnx_builtin.numerics.outputs import OutputCache, gradients, in_batch, measure, outputs
from rnnx_builtin.numerics.pooling import Pooling


@dataclass(frozen=True)
class Gaussian:
    """Values as the mean of a normal distribution of variance 1: the squared error."""

    loss_unit: ClassVar[str] = "nats"

    pooling: Pooling = Pooling.last
    """For targets of the whole sequence: last (the last valid step), mean or max over its steps."""
    tolerance: float | None = None
    """The metric ``within`` is the share of values whose error is at most this, in their unit. At
    least 0; null: what the data says, else 0.1."""
    weights: HeadWeights = field(default_factory=HeadWeights)
    """The initialisers of Wy and by."""

    def __post_init__(self) -> None:
        if self.tolerance is not None:
            require(self.tolerance >= 0, "tolerance", "at least 0", self.tolerance)

    def takes(self, targets: Targets) -> bool:
        """Values of steps or sequences."""
        return targets.kind is TargetKind.values

    def init(self, rng: np.random.Generator, n_a: int, n_y: int, dtype: npt.DTypeLike) -> Params:
        return drawn(self.weights, rng, n_a, n_y, dtype)

    def measure(
        self,
        params: Params,
        h: Array,
        y: Array,
        lengths: Array | None,
        weights: Array | None,
        scratch: Scratch,
    ) -> tuple[float, Array, OutputCache]:
        pooling = self.pooling if y.ndim == 2 else None
        return measure(_squared_error, params, h, y, lengths, weights, pooling, None, scratch)

    def backward(
        self, params: Params, cache: OutputCache, scratch: Scratch
    ) -> tuple[Params, Array]:
        return gradients(params, cache, self.pooling, scratch)

    def predict(
        self, params: Params, h: Array, lengths: Array | None, per_sequence: bool, scratch: Scratch
    ) -> Prediction:
        pooling = self.pooling if per_sequence else None
        z, _, _ = outputs(params, h, lengths, pooling, scratch)
        return Prediction(in_batch(z, len(h), pooling))

    def metrics(self, targets: Targets) -> Metrics:
        return metrics_for(targets, self.tolerance)


def _squared_error(z: Array, y: Array) -> tuple[Array, Array]:
    """−ln N(y; z, 1) summed over the values, (N,), and its slope z − y, written to z (n_y, N)."""
    z -= y
    return 0.5 * np.sum(z * z, axis=0) + 0.5 * len(z) * np.log(2 * np.pi), z
