"""A softmax over many symbols in clusters by frequency (Grave et al. 2017, adaptive softmax).

    z = Wy·h + by,   p = softmax(z)              the S most frequent symbols, then the K clusters
    z_k = W_k·(P_k·h) + b_k,   p_k = softmax(z_k)      the symbols of cluster k = 1 … K
    −ln p[y] = −ln p[y] for one of the S, else −ln p[S + k] − ln p_k[y]

    Wy (S + K, n_a) · by (S + K, 1) · P_k (d_k, n_a) · W_k (n_k, d_k) · b_k (n_k, 1) · rank (n_y, 1)

Rare symbols are many, and few of them are targets: a cluster is computed only for the steps whose
target is in it, and from fewer features, d_k = n_a / shrinkᵏ. The probabilities are exact: they sum
to 1 over all symbols, in whatever order these are.

``rank`` is the order, the most frequent symbol of the training part at 0 and the rarest below 1. It
is kept beside the weights, and no update moves it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Array, Params
from rnnx.config.initialization import fill
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.components import InitializerSpec
from rnnx.contracts.ranges import require, require_finite
from rnnx.contracts.updates import Group
from rnnx.padding import is_padded, mask
from rnnx_builtin.numerics.whole_sequence import flat


@dataclass(frozen=True)
class AdaptiveWeights:
    """The initialiser of each kind of weight: its name, or ``{name: normal, scale: 0.1}``."""

    output: InitializerSpec = "glorot"
    """Of Wy and of each cluster's W_k."""
    projection: InitializerSpec = "glorot"
    """Of each cluster's P_k."""
    bias: InitializerSpec = "zeros"
    """Of by and of each cluster's b_k."""


class Steps(NamedTuple):
    """The steps whose target is in one cluster, and their softmax."""

    here: Array  # (N_k,) places among the valid steps
    h: Array  # (n_a, N_k)
    projected: Array  # (d_k, N_k), P_k·h
    dz: Array  # (n_k, N_k), the gradient by z_k


class Cache(NamedTuple):
    h: Array  # (n_a, N) of the valid steps, side by side
    dz: Array  # (S + K, N), the gradient by z
    clusters: tuple[Steps, ...]
    valid: Array | None  # (N,) places among all T·B steps; None: all are valid
    shape: tuple[int, int, int]  # T, n_a, B


class Order(NamedTuple):
    """The symbols by frequency."""

    ids: Array  # (n_y,) the most frequent symbol first
    places: Array  # (n_y,) of each symbol in ``ids``


@dataclass(frozen=True)
class AdaptiveSoftmax:
    """A probability for each of many symbols: rare ones in clusters, which cost little."""

    shortlist: int = 2000
    """S, how many of the most frequent symbols are in no cluster. At least 1; with as many symbols
    or fewer it is a plain softmax."""
    clusters: int = 2
    """K, how many clusters the other symbols are in, at least 1. They end where symbols are as many
    times more as at the end before: of 50,000 symbols at 10,000 and 50,000."""
    shrink: float = 4.0
    """A cluster has so many times fewer features than the one before it, the first of n_a. At
    least 1."""
    weights: AdaptiveWeights = field(default_factory=AdaptiveWeights)
    """The initialisers of the weights and biases."""

    def __post_init__(self) -> None:
        require(self.shortlist >= 1, "shortlist", "at least 1", self.shortlist)
        require(self.clusters >= 1, "clusters", "at least 1", self.clusters)
        require_finite("shrink", self.shrink)
        require(self.shrink >= 1, "shrink", "at least 1", self.shrink)

    def parameter_groups(self) -> Mapping[str, Group]:
        return {"rank": Group(decay=False, rate=0.0)}

    def bounds(self, n_y: int) -> list[int]:
        """Where the shortlist and each cluster end, the last at n_y.

        A cluster has two symbols or more: of few symbols there are fewer clusters.
        """
        S = min(self.shortlist, n_y)
        growth, ends = (n_y / S) ** (1 / self.clusters), [S]
        for k in range(1, self.clusters + 1):
            end = round(S * growth**k)
            if end - ends[-1] >= 2:
                ends.append(end)
        ends[-1] = n_y
        return ends

    def init(self, rng: np.random.Generator, n_a: int, n_y: int, dtype: npt.DTypeLike) -> Params:
        ends, own = self.bounds(n_y), self.weights
        rows = ends[0] + len(ends) - 1
        params = {
            "Wy": fill(own.output, rng, (rows, n_a), dtype),
            "by": fill(own.bias, rng, (rows, 1), dtype),
        }
        for k, (start, stop) in enumerate(pairwise(ends), 1):
            d = max(1, round(n_a / self.shrink**k))
            params[f"P{k}"] = fill(own.projection, rng, (d, n_a), dtype)
            params[f"W{k}"] = fill(own.output, rng, (stop - start, d), dtype)
            params[f"b{k}"] = fill(own.bias, rng, (stop - start, 1), dtype)
        params["rank"] = (np.arange(n_y) / n_y).astype(dtype)[:, None]
        return params

    def count_targets(self, params: Params, counts: Array) -> None:
        """The order of the symbols; of two that are equally frequent the lower id comes first."""
        ids = np.argsort(-counts, kind="stable")
        params["rank"][ids, 0] = np.arange(len(ids)) / len(ids)

    def logits(self, params: Params, h: Array, scratch: Scratch) -> Array:
        (T, _, B), n_y, order = h.shape, len(params["rank"]), _order(params, scratch)
        out = scratch.array("logits", (T, n_y, B), h.dtype)
        ln_p = np.matmul(params["Wy"], h)
        ln_p += params["by"]
        _log_softmax(ln_p)
        start = len(params["Wy"]) - _count(params)
        out[:, order.ids[:start]] = ln_p[:, :start]
        for k, (P, W, b) in enumerate(_clusters(params)):
            inside = np.matmul(W, np.matmul(P, h))
            inside += b
            _log_softmax(inside)
            inside += ln_p[:, -_count(params) + k][:, None]
            out[:, order.ids[start : start + len(W)]] = inside
            start += len(W)
        return out

    def forward(
        self, params: Params, h: Array, y: Array, lengths: Array | None, scratch: Scratch
    ) -> tuple[float, Array, Cache]:
        T, n_a, B = h.shape
        h_flat, ids, valid = flat(h, "h_flat", scratch), y.ravel(), None
        if lengths is not None and is_padded(lengths, T):
            valid = np.flatnonzero(mask(lengths, T))
            h_flat, ids = h_flat[:, valid], ids[valid]
        places = _order(params, scratch).places[ids]
        weight, S = 1 / max(len(places), 1), len(params["Wy"]) - _count(params)
        sizes = [len(W) for _, W, _ in _clusters(params)]
        ends = S + np.cumsum([0, *sizes])
        cluster = np.searchsorted(ends, places, "right")  # 0: the shortlist
        rows = np.where(cluster == 0, places, S - 1 + cluster)
        z = scratch.array("z", (len(params["Wy"]), len(places)), h.dtype)
        np.matmul(params["Wy"], h_flat, out=z)
        found = _cross_entropy(z, params["by"], rows, weight)
        steps = []
        for k, (P, W, b) in enumerate(_clusters(params), 1):
            here = np.flatnonzero(cluster == k)
            own = h_flat[:, here]
            projected = P @ own
            z_k = np.matmul(W, projected, out=scratch.array(f"z{k}", (len(W), len(here)), h.dtype))
            found[here] += _cross_entropy(z_k, b, places[here] - ends[k - 1], weight)
            steps.append(Steps(here, own, projected, z_k))
        loss = float(np.add.reduce(found, dtype=np.float64)) * weight
        nats = _spread(found[None], valid, T * B)[0]
        return loss, nats.reshape(T, B), Cache(h_flat, z, tuple(steps), valid, (T, n_a, B))

    def backward(self, params: Params, cache: Cache, scratch: Scratch) -> tuple[Params, Array]:
        h, dz, clusters, valid, (T, n_a, B) = cache
        grads = {name: scratch.array(f"d{name}", p.shape, p.dtype) for name, p in params.items()}
        grads["rank"].fill(0)
        np.matmul(dz, h.T, out=grads["Wy"])
        np.add.reduce(dz, 1, keepdims=True, out=grads["by"])
        dh = np.matmul(params["Wy"].T, dz, out=scratch.array("dh", h.shape, h.dtype))
        for k, (own, (P, W, _)) in enumerate(zip(clusters, _clusters(params), strict=True), 1):
            np.matmul(own.dz, own.projected.T, out=grads[f"W{k}"])
            np.add.reduce(own.dz, 1, keepdims=True, out=grads[f"b{k}"])
            back = W.T @ own.dz
            np.matmul(back, own.h.T, out=grads[f"P{k}"])
            dh[:, own.here] += P.T @ back
        return grads, _spread(dh, valid, T * B).reshape(n_a, T, B).transpose(1, 0, 2)


def _count(params: Params) -> int:
    """K."""
    return (len(params) - 3) // 3


def _clusters(params: Params) -> Iterator[tuple[Array, Array, Array]]:
    """P_k (d_k, n_a), W_k (n_k, d_k) and b_k (n_k, 1) of each cluster."""
    for k in range(1, _count(params) + 1):
        yield params[f"P{k}"], params[f"W{k}"], params[f"b{k}"]


def _order(params: Params, scratch: Scratch) -> Order:
    """The order that ``rank`` says, sorted anew only where it is another than at the last call."""
    rank = params["rank"][:, 0]
    kept = scratch.plan(_sorted_ranks, len(rank), rank.dtype)
    if not (kept.is_known[0] and np.array_equal(kept.rank, rank)):
        kept.rank[:], kept.is_known[0] = rank, True
        kept.order.ids[:] = np.argsort(rank, kind="stable")
        kept.order.places[kept.order.ids] = np.arange(len(rank))
    return kept.order


class SortedRanks(NamedTuple):
    rank: Array  # (n_y,) when it was sorted
    is_known: list[bool]
    order: Order


def _sorted_ranks(scratch: Scratch, n_y: int, dtype: npt.DTypeLike) -> SortedRanks:
    """Room for the order of n_y symbols."""
    ids, places = (np.empty(n_y, np.intp) for _ in range(2))
    return SortedRanks(np.empty(n_y, dtype), [False], Order(ids, places))


def _cross_entropy(z: Array, b: Array, rows: Array, weight: float) -> Array:
    """−ln p of ``rows`` (N,); z (n, N) without its bias b becomes (p − onehot) · weight."""
    here = np.arange(z.shape[1])
    z += b
    z -= np.maximum.reduce(z)
    at_target = z[rows, here]
    np.exp(z, out=z)
    total = np.add.reduce(z)
    z *= weight / total
    z[rows, here] -= weight
    found: Array = np.log(total) - at_target
    return found


def _log_softmax(z: Array) -> None:
    """ln p of z (T, n, B), written to it."""
    z -= np.maximum.reduce(z, axis=1, keepdims=True)
    z -= np.log(np.add.reduce(np.exp(z), axis=1, keepdims=True))


def _spread(columns: Array, valid: Array | None, count: int) -> Array:
    """(n, N) of the valid steps as (n, count) of all, 0 in the padding."""
    if valid is None:
        return columns
    out = np.zeros((len(columns), count), columns.dtype)
    out[:, valid] = columns
    return out
