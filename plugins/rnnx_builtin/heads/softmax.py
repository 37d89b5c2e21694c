"""Softmax and cross-entropy.

    z = Wy·h + by,   p = softmax(z),   loss = reduction of −ln p[y]
    dz = (p − onehot(y)) · weight,   dWy = Σ dz·hᵀ,   dby = Σ dz,   dh = Wyᵀ·dz

    Wy (n_y, n_a) · by (n_y, 1)

All steps go through one product, in the flat layout (n, T·B): a softmax over the rows there is a
few passes over whole rows. The notebook writes Wya for Wy.

For a class of the whole sequence h is its last valid step, or the mean or the maximum of each unit
over its steps (``pooling``). Targets that have weights count by them: loss = Σ w·(−ln p[y]) / Σ w.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Scratch
from rnnx.data.metrics import Metrics, Prediction, metrics_for
from rnnx.data.targets import Targets
from rnnx.padding import is_padded, mask
from rnnx_builtin.heads.weights import HeadWeights, drawn
from rnnx_builtin.numerics.outputs import OutputCache, gradients, in_batch, measure, outputs
from rnnx_builtin.numerics.pooling import Pooling
from rnnx_builtin.numerics.whole_sequence import flat, zero_padding


class Reduction(Enum):
    """token: mean over valid tokens; sequence: sum over steps, mean over the batch."""

    token = "token"
    sequence = "sequence"


@dataclass
class Cache:
    """What the backward pass needs. Of many symbols p is by far the largest array of a step, so
    the gradient takes its place.
    """

    h_flat: Array  # (n_a, T·B)
    p: Array  # (n_y, T·B), the probabilities until the gradient is asked for
    y: Array  # (T·B,) ids
    weight: Array | float  # of each token in the loss: (T·B,), or one for all
    shape: tuple[int, int, int]  # T, n_a, B
    is_gradient: bool = False  # whether p is the gradient by now

    def gradient(self) -> Array:
        """dz = (p − onehot(y)) · weight, in p's memory."""
        if not self.is_gradient:
            self.p *= self.weight
            self.p[self.y, np.arange(len(self.y))] -= self.weight
            self.is_gradient = True
        return self.p


@dataclass(frozen=True)
class Softmax:
    """A probability for each symbol or class, and its cross-entropy."""

    loss_unit: ClassVar[str] = "nats"
    tied_weight: ClassVar[str] = "Wy"

    reduction: Reduction = Reduction.token
    """token: mean over valid tokens; sequence: summed over steps, mean over the batch
    (the notebook's)."""
    weights: HeadWeights = field(default_factory=HeadWeights)
    """The initialisers of Wy and by."""
    pooling: Pooling = Pooling.last
    """For a class of the whole sequence: last (the last valid step), mean or max over its steps."""
    tied: bool = False
    """Whether Wy is the transpose of the embedding of a block that has one."""

    def takes(self, targets: Targets) -> bool:
        """The next symbol, and classes of steps or sequences."""
        return targets.are_ids

    def init(self, rng: np.random.Generator, n_a: int, n_y: int, dtype: npt.DTypeLike) -> Params:
        return drawn(self.weights, rng, n_a, n_y, dtype)

    def compiled(self, threads: int) -> Any:
        """The same in compiled kernels."""
        from rnnx_builtin.kernels.rnn.softmax import CompiledSoftmax

        return CompiledSoftmax(threads, self.reduction is Reduction.token)

    def logits(self, params: Params, h: Array, scratch: Scratch) -> Array:
        (T, _, B), n_y = h.shape, len(params["Wy"])
        out = scratch.array("logits", (T, n_y, B), h.dtype)
        np.matmul(params["Wy"], h, out=out)
        out += params["by"]
        return out

    def forward(
        self, params: Params, h: Array, y: Array, lengths: Array | None, scratch: Scratch
    ) -> tuple[float, Array, Cache]:
        (T, n_a, B), n_y = h.shape, len(params["Wy"])
        h_flat = flat(zero_padding(h, lengths, "h_valid", scratch), "h_flat", scratch)
        z = np.matmul(params["Wy"], h_flat, out=scratch.array("p", (n_y, T * B), h.dtype))
        z += params["by"]
        z -= np.maximum.reduce(z, out=scratch.array("max", (T * B,), h.dtype))
        targets = _targets(y, lengths)
        here = np.arange(T * B)
        nats = z[targets, here]  # −ln p[y] = ln Σ exp z − z[y]
        np.exp(z, out=z)
        total = np.add.reduce(z, out=scratch.array("total", (T * B,), h.dtype))
        np.subtract(np.log(total), nats, out=nats)
        z /= total
        nats = nats.reshape(T, B)
        tokens = T * B
        weight: Array | float
        if lengths is not None and is_padded(lengths, T):
            valid = mask(lengths, T)
            nats = np.where(valid, nats, 0)
            tokens = int(lengths.sum())
            weight = (valid / self._divisor(tokens, B)).ravel().astype(h.dtype)
        else:
            weight = 1.0 / self._divisor(tokens, B)
        loss = float(np.add.reduce(nats, axis=None, dtype=np.float64)) / self._divisor(tokens, B)
        return loss, nats, Cache(h_flat, z, targets, weight, (T, n_a, B))

    def batch_weight(self, tokens: float, columns: int) -> float:
        return tokens if self.reduction is Reduction.token else columns

    def _divisor(self, tokens: int, B: int) -> int:
        return max(tokens, 1) if self.reduction is Reduction.token else B

    def measure(
        self,
        params: Params,
        h: Array,
        y: Array,
        lengths: Array | None,
        weights: Array | None,
        scratch: Scratch,
    ) -> tuple[float, Array, OutputCache]:
        pooling = self.pooling if y.ndim == 1 else None
        divisor = None if self.reduction is Reduction.token else float(h.shape[-1])
        given = params, h, y, lengths, weights
        return measure(_cross_entropy, *given, pooling, divisor, scratch)

    def predict(
        self, params: Params, h: Array, lengths: Array | None, per_sequence: bool, scratch: Scratch
    ) -> Prediction:
        pooling = self.pooling if per_sequence else None
        z, _, _ = outputs(params, h, lengths, pooling, scratch)
        z -= np.max(z, axis=0)
        np.exp(z, out=z)
        z /= np.sum(z, axis=0)
        p = in_batch(z, len(h), pooling)
        return Prediction(np.argmax(p, axis=-2), p)

    def metrics(self, targets: Targets) -> Metrics:
        return metrics_for(targets)

    def backward(
        self, params: Params, cache: Cache | OutputCache, scratch: Scratch
    ) -> tuple[Params, Array]:
        if isinstance(cache, OutputCache):
            return gradients(params, cache, self.pooling, scratch)
        dz, h_flat, (T, n_a, B) = cache.gradient(), cache.h_flat, cache.shape
        n_y, dtype = len(dz), dz.dtype
        dWy = np.matmul(dz, h_flat.T, out=scratch.array("dWy", (n_y, n_a), dtype))
        dby = np.add.reduce(dz, 1, keepdims=True, out=scratch.array("dby", (n_y, 1), dtype))
        dh = np.matmul(params["Wy"].T, dz, out=scratch.array("dh", (n_a, T * B), dtype))
        # A view: the cell adds it step by step, so its strided rows cost no transposing copy.
        return {"Wy": dWy, "by": dby}, dh.reshape(n_a, T, B).transpose(1, 0, 2)


def _cross_entropy(z: Array, ids: Array) -> tuple[Array, Array]:
    """−ln p of the ids (N,), and its slope p − onehot by z (n_y, N), which is written to."""
    here = np.arange(z.shape[1])
    z -= np.max(z, axis=0)
    at_target = z[ids, here]
    np.exp(z, out=z)
    total = np.sum(z, axis=0)
    z /= total
    z[ids, here] -= 1
    return np.log(total) - at_target, z


def _targets(y: Array, lengths: Array | None) -> Array:
    """(T·B,) ids; 0 in the padding, whatever stands there."""
    if lengths is None or not is_padded(lengths, len(y)):
        return y.ravel()
    return np.where(mask(lengths, len(y)), y, 0).ravel()
