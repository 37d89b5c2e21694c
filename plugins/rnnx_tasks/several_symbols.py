"""Several symbols at once, each by a softmax of its own: an answer that is read in one step.

    z = Wy·h + by,   p = softmax(z) in each block of z
    loss of a target = −Σ y ln p,   dz = p − y

A target is bits: for each symbol of the answer a block of ``symbols`` bits, of which that of the
right symbol is 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.ranges import require
from rnnx.data.metrics import Metric, Metrics, Prediction
from rnnx.data.targets import TargetKind, Targets
from rnnx_builtin.heads.weights import HeadWeights, drawn
from rnnx_builtin.numerics.outputs import OutputCache, gradients, in_batch, measure, outputs
from rnnx_builtin.numerics.pooling import Pooling


@dataclass(frozen=True)
class SeveralSymbols:
    """Several symbols at once, each by a softmax of its own; the cross-entropy summed over them."""

    loss_unit: ClassVar[str] = "nats"

    symbols: int = 8
    """How many different symbols there are, at least 2; it divides the number of bits."""
    pooling: Pooling = Pooling.last
    """For targets of the whole sequence: last (the last valid step), mean or max over its steps."""
    weights: HeadWeights = field(default_factory=HeadWeights)
    """The initialisers of Wy and by."""

    def __post_init__(self) -> None:
        require(self.symbols >= 2, "symbols", "at least 2", self.symbols)

    def takes(self, targets: Targets) -> bool:
        """Bits of steps or sequences, a block of ``symbols`` for each symbol."""
        return targets.kind is TargetKind.bits and targets.size % self.symbols == 0

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
        return measure(self._cross_entropy, params, h, y, lengths, weights, pooling, None, scratch)

    def backward(
        self, params: Params, cache: OutputCache, scratch: Scratch
    ) -> tuple[Params, Array]:
        return gradients(params, cache, self.pooling, scratch)

    def predict(
        self, params: Params, h: Array, lengths: Array | None, per_sequence: bool, scratch: Scratch
    ) -> Prediction:
        pooling = self.pooling if per_sequence else None
        z, _, _ = outputs(params, h, lengths, pooling, scratch)
        blocks = _blocks(z, self.symbols)  # (k, symbols, N)
        best = np.argmax(blocks, axis=1, keepdims=True) == np.arange(self.symbols)[:, None]
        p, _ = _softmax(blocks)
        found = (in_batch(one.reshape(z.shape), len(h), pooling) for one in (best, p))
        y, p = found
        return Prediction(y.astype(z.dtype), p)

    def metrics(self, targets: Targets) -> Metrics:
        return SymbolMetrics(targets, self.symbols)

    def _cross_entropy(self, z: Array, y: Array) -> tuple[Array, Array]:
        """−Σ ln p of the bits that are 1, (N,), and its slope, written to z (n_y, N)."""
        blocks, ones = _blocks(z, self.symbols), _blocks(y, self.symbols)  # (k, symbols, N)
        here = np.sum(ones, axis=1, keepdims=True)  # (k, 1, N): 1 where y is a symbol
        losses = -np.sum(ones * blocks, axis=(0, 1))
        p, total = _softmax(blocks)
        losses += np.sum(here * total, axis=(0, 1))
        np.subtract(here * p, ones, out=p)
        return losses, z


@dataclass(frozen=True)
class SymbolMetrics:
    """The accuracy of symbols, and of answers in which every symbol is right."""

    targets: Targets
    symbols: int

    @property
    def metrics(self) -> Sequence[Metric]:
        return [
            Metric("accuracy", "", True, "accuracy a symbol"),
            Metric("sequence_accuracy", "", True, "accuracy a whole answer"),
        ]

    def sums(self, found: Prediction, y: Array, weights: Array) -> Array:
        counts = weights > 0
        guess, truth = (np.moveaxis(one, -2, -1)[counts] >= 0.5 for one in (found.y, y))  # (N, n_y)
        count = truth.shape[1] // self.symbols
        right = (guess == truth).reshape(len(truth), count, self.symbols).all(axis=2)  # (N, k)
        weight = weights[counts].astype(np.float64)
        parts = right.mean(axis=1), right.all(axis=1), np.ones(len(right))
        return np.array([np.sum(weight * part) for part in parts], np.float64)

    def values(self, sums: Array) -> Mapping[str, float]:
        right, whole, count = sums.tolist()
        if not count > 0:
            return {}
        return {"accuracy": right / count, "sequence_accuracy": whole / count}


def _blocks(z: Array, symbols: int) -> Array:
    """(k·symbols, N) as (k, symbols, N), a view."""
    return z.reshape(-1, symbols, z.shape[-1])


def _softmax(blocks: Array) -> tuple[Array, Array]:
    """p of each block, written to it, and ln Σ eᶻ (k, 1, N)."""
    most = blocks.max(axis=1, keepdims=True)
    blocks -= most
    np.exp(blocks, out=blocks)
    total = np.sum(blocks, axis=1, keepdims=True)
    blocks /= total
    return blocks, most + np.log(total)
