"""Several symbols at once, each by a softmax of its own: an answer that is read in one step.

    z = Wy·h + by,   p = softmax(z) in each block of z
    loss of a target = −Σ y ln p,   dz = p − y

A target is bits: for each symbol of the answer a block of ``symbols`` bits, of which that of the
right symbol is 1. With a hidden layer f(h) stands in place of h:

    f(h) = GELU(Wf·h + bf)

    Wf (m, n_a) · bf (m, 1) · Wy (n_y, m), m = ``hidden``
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.ranges import require
from rnnx.data.metrics import Metric, Metrics, Prediction
from rnnx.data.targets import TargetKind, Targets
from rnnx_builtin.heads.weights import HeadWeights, drawn
from rnnx_builtin.numerics.activation import gelu
from rnnx_builtin.numerics.outputs import OutputCache, gradients, in_batch, measure, outputs
from rnnx_builtin.numerics.pooling import Pooling
from rnnx_builtin.numerics.whole_sequence import zero_padding


class Cache(NamedTuple):
    outputs: OutputCache
    layer: tuple[Array, Array] | None  # h and the slope of f, (T, n_a, B) and (T, m, B)


@dataclass(frozen=True)
class SeveralSymbols:
    """Several symbols at once, each by a softmax of its own; the cross-entropy summed over them."""

    loss_unit: ClassVar[str] = "nats"

    symbols: int = 8
    """How many different symbols there are, at least 2; it divides the number of bits."""
    pooling: Pooling = Pooling.last
    """For targets of the whole sequence: last (the last valid step), mean or max over its steps."""
    hidden: int = 0
    """The units of a hidden layer between h and the outputs; 0: none. At least 0."""
    weights: HeadWeights = field(default_factory=HeadWeights)
    """The initialisers of Wy and by, and of Wf and bf."""

    def __post_init__(self) -> None:
        require(self.symbols >= 2, "symbols", "at least 2", self.symbols)
        require(self.hidden >= 0, "hidden", "at least 0", self.hidden)

    def takes(self, targets: Targets) -> bool:
        """Bits of steps or sequences, a block of ``symbols`` for each symbol."""
        return targets.kind is TargetKind.bits and targets.size % self.symbols == 0

    def init(self, rng: np.random.Generator, n_a: int, n_y: int, dtype: npt.DTypeLike) -> Params:
        if not self.hidden:
            return drawn(self.weights, rng, n_a, n_y, dtype)
        first = drawn(self.weights, rng, n_a, self.hidden, dtype)
        layer = {"Wf": first["Wy"], "bf": first["by"]}
        return layer | drawn(self.weights, rng, self.hidden, n_y, dtype)

    def measure(
        self,
        params: Params,
        h: Array,
        y: Array,
        lengths: Array | None,
        weights: Array | None,
        scratch: Scratch,
    ) -> tuple[float, Array, Cache]:
        pooling = self.pooling if y.ndim == 2 else None
        f, layer = self._features(params, h, lengths, scratch)
        rest = f, y, lengths, weights, pooling, None, scratch
        loss, losses, cache = measure(self._cross_entropy, params, *rest)
        return loss, losses, Cache(cache, layer)

    def backward(self, params: Params, cache: Cache, scratch: Scratch) -> tuple[Params, Array]:
        dparams, df = gradients(params, cache.outputs, self.pooling, scratch)
        if cache.layer is None:
            return dparams, df
        h, slope = cache.layer
        da = df * slope  # (T, m, B)
        dWf = np.einsum("tmb,tnb->mn", da, h, optimize=True)
        layer = {"Wf": dWf, "bf": np.sum(da, axis=(0, 2))[:, None]}
        return layer | dparams, np.matmul(params["Wf"].T, da)

    def _features(
        self, params: Params, h: Array, lengths: Array | None, scratch: Scratch
    ) -> tuple[Array, tuple[Array, Array] | None]:
        """What the outputs read, (T, m, B), and h with the slope of f; h itself without a layer."""
        if not self.hidden:
            return h, None
        h = zero_padding(h, lengths, "h_of_layer", scratch)
        f, slope = gelu(np.matmul(params["Wf"], h) + params["bf"])
        return f, (h, slope)

    def predict(
        self, params: Params, h: Array, lengths: Array | None, per_sequence: bool, scratch: Scratch
    ) -> Prediction:
        pooling = self.pooling if per_sequence else None
        f, _ = self._features(params, h, lengths, scratch)
        z, _, _ = outputs(params, f, lengths, pooling, scratch)
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
