"""Softmax and cross-entropy.

    z = Wy·h + by,   p = softmax(z),   loss = reduction of −ln p[y]
    dz = (p − onehot(y)) · weight,   dWy = Σ dz·hᵀ,   dby = Σ dz,   dh = Wyᵀ·dz

    Wy (n_y, n_a) · by (n_y, 1)

All steps go through one product, in the flat layout (n, T·B): a softmax over the rows there is a
few passes over whole rows. The notebook writes Wya for Wy.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params
from rnnx.config.initialization import fill
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.components import InitializerSpec
from rnnx.padding import is_padded, mask
from rnnx_builtin.numerics.whole_sequence import flat, zero_padding


class Reduction(Enum):
    """token: mean over valid tokens; sequence: sum over steps, mean over the batch."""

    token = "token"
    sequence = "sequence"


@dataclass(frozen=True)
class HeadWeights:
    """The initialiser of each kind of weight: its name, or ``{name: normal, scale: 0.1}``."""

    output: InitializerSpec = "glorot"
    """Of Wy (Glorot and Bengio 2010)."""
    bias: InitializerSpec = "zeros"
    """Of by."""


class Cache(NamedTuple):
    h_flat: Array  # (n_a, T·B)
    p: Array  # (n_y, T·B), the probabilities
    y: Array  # (T·B,) ids
    weight: Array | float  # of each token in the loss: (T·B,), or one for all
    shape: tuple[int, int, int]  # T, n_a, B


@dataclass(frozen=True)
class Softmax:
    """A probability for each symbol, and its cross-entropy."""

    reduction: Reduction = Reduction.token
    """token: mean over valid tokens; sequence: summed over steps, mean over the batch
    (the notebook's)."""
    weights: HeadWeights = HeadWeights()
    """The initialisers of Wy and by."""

    def init(self, rng: np.random.Generator, n_a: int, n_y: int, dtype: npt.DTypeLike) -> Params:
        return {
            "Wy": fill(self.weights.output, rng, (n_y, n_a), dtype),
            "by": fill(self.weights.bias, rng, (n_y, 1), dtype),
        }

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

    def backward(self, params: Params, cache: Cache, scratch: Scratch) -> tuple[Params, Array]:
        h_flat, p, y, weight, (T, n_a, B) = cache
        n_y, dtype = len(p), p.dtype
        dz = np.multiply(p, weight, out=scratch.array("dz", p.shape, dtype))
        dz[y, np.arange(T * B)] -= weight
        dWy = np.matmul(dz, h_flat.T, out=scratch.array("dWy", (n_y, n_a), dtype))
        dby = np.add.reduce(dz, 1, keepdims=True, out=scratch.array("dby", (n_y, 1), dtype))
        dh = np.matmul(params["Wy"].T, dz, out=scratch.array("dh", (n_a, T * B), dtype))
        # A view: the cell adds it step by step, so its strided rows cost no transposing copy.
        return {"Wy": dWy, "by": dby}, dh.reshape(n_a, T, B).transpose(1, 0, 2)


def _targets(y: Array, lengths: Array | None) -> Array:
    """(T·B,) ids; 0 in the padding, whatever stands there."""
    if lengths is None or not is_padded(lengths, len(y)):
        return y.ravel()
    return np.where(mask(lengths, len(y)), y, 0).ravel()
