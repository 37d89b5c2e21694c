"""A probability for each of several bits, any of which may be 1 at once: notes that sound together.

z = Wy·h + by,   p = 1 / (1 + e⁻ᶻ)
loss of a target = −Σ_k (y_k ln p_k + (1 − y_k) ln (1 − p_k)),   dz = p − y
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Scratch
from rnnx.data.metrics import Metrics, Prediction, metrics_for
from rnnx.data.targets import TargetKind, Targets
from rnnx_builtin.heads.weights import HeadWeights, drawn
from rnnx_builtin.numerics.outputs import OutputCache, gradients, in_batch, measure, outputs
from rnnx_builtin.numerics.pooling import Pooling


@dataclass(frozen=True)
class Bernoulli:
    """A probability for each of several bits, and their cross-entropy, summed over the bits."""

    loss_unit: ClassVar[str] = "nats"

    pooling: Pooling = Pooling.last
    """For targets of the whole sequence: last (the last valid step), mean or max over its steps."""
    weights: HeadWeights = field(default_factory=HeadWeights)
    """The initialisers of Wy and by."""

    def takes(self, targets: Targets) -> bool:
        """Bits of steps or sequences."""
        return targets.kind is TargetKind.bits

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
        return measure(_cross_entropy, params, h, y, lengths, weights, pooling, None, scratch)

    def backward(
        self, params: Params, cache: OutputCache, scratch: Scratch
    ) -> tuple[Params, Array]:
        return gradients(params, cache, self.pooling, scratch)

    def predict(
        self, params: Params, h: Array, lengths: Array | None, per_sequence: bool, scratch: Scratch
    ) -> Prediction:
        pooling = self.pooling if per_sequence else None
        z, _, _ = outputs(params, h, lengths, pooling, scratch)
        p = in_batch(sigmoid(z), len(h), pooling)
        return Prediction((p >= 0.5).astype(p.dtype), p)

    def metrics(self, targets: Targets) -> Metrics:
        return metrics_for(targets)


def _cross_entropy(z: Array, y: Array) -> tuple[Array, Array]:
    """−ln p of all bits, (N,), and its slope p − y, written to z (n_y, N)."""
    # ln(1 + eᶻ) − y·z, which overflows nowhere.
    losses = np.sum(np.logaddexp(0, z) - y * z, axis=0)
    sigmoid(z)
    z -= y
    return losses, z


def sigmoid(z: Array) -> Array:
    """1 / (1 + e⁻ᶻ), written to z."""
    z *= 0.5
    np.tanh(z, out=z)
    z += 1
    z *= 0.5
    return z
