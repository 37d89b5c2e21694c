"""z = Wy·h + by at each step or once a sequence, for a head's own function of z and its targets.

All targets stand side by side, (n, N), whatever their shape in the batch: N is T·B for targets of
steps, and B for those of sequences. A head gives the loss of each and its slope by z; the weighted
mean, both gradients of the parameters and that by h are computed here.

    loss = Σ weight·losses / Σ weight,   dz = slope · weight / Σ weight
    dWy = dz·hᵀ,   dby = Σ dz,   dh = Wyᵀ·dz

Wy (n_y, n_a) · by (n_y, 1)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Scratch
from rnnx.padding import is_padded, mask
from rnnx_builtin.numerics.pooling import PoolCache, Pooling, pool, unpool
from rnnx_builtin.numerics.whole_sequence import flat, zero_padding

Loss = Callable[[Array, Array], tuple[Array, Array]]
"""z (n_y, N) and targets, ids (N,) or floats (n_y, N) → losses (N,), slopes dz (n_y, N)."""


class OutputCache(NamedTuple):
    h_flat: Array  # (n_a, N)
    dz: Array  # (n_y, N), weighted
    shape: tuple[int, int, int]  # T, n_a, B
    pooled: PoolCache | None


def outputs(
    params: Params,
    h: Array,
    lengths: Array | None,
    pooling: Pooling | None,
    scratch: Scratch,
) -> tuple[Array, Array, PoolCache | None]:
    """z (n_y, N), the h (n_a, N) that it is of, and how h was pooled; ``pooling`` None: steps."""
    if pooling is None:
        pooled, h_flat = None, flat(zero_padding(h, lengths, "h_valid", scratch), "h_flat", scratch)
    else:
        h_flat, pooled = pool(h, lengths, pooling)
    Wy = params["Wy"]
    z = np.matmul(Wy, h_flat, out=scratch.array("z", (len(Wy), h_flat.shape[1]), h.dtype))
    z += params["by"]
    return z, h_flat, pooled


def measure(
    loss_of: Loss,
    params: Params,
    h: Array,
    y: Array,
    lengths: Array | None,
    weights: Array | None,
    pooling: Pooling | None,
    divisor: float | None,
    scratch: Scratch,
) -> tuple[float, Array, OutputCache]:
    """``TargetHead.measure`` for losses ``loss_of``; ``divisor`` in place of Σ weight, if any."""
    T, _, B = h.shape
    z, h_flat, pooled = outputs(params, h, lengths, pooling, scratch)
    counts = _counts(weights, lengths, T, B, pooling is not None)
    here = counts > 0
    targets = _side_by_side(y, pooling is None)
    # What does not count may be anything: an id that is none, a value that is missing (NaN).
    losses, dz = loss_of(
        z, targets if here.all() else np.where(here, targets, targets.dtype.type())
    )
    total = (float(np.sum(counts)) or 1.0) if divisor is None else divisor
    loss = float(np.sum(losses * counts, dtype=np.float64)) / total
    dz *= (counts / total).astype(dz.dtype)
    if pooling is None:
        losses = losses.reshape(T, B)
        if lengths is not None and is_padded(lengths, T):
            losses = np.where(mask(lengths, T), losses, 0)
    return loss, losses, OutputCache(h_flat, dz, h.shape, pooled)


def gradients(
    params: Params, cache: OutputCache, pooling: Pooling, scratch: Scratch
) -> tuple[Params, Array]:
    """``TargetHead.backward``."""
    h_flat, dz, (T, n_a, B), pooled = cache
    n_y, dtype = len(dz), dz.dtype
    dWy = np.matmul(dz, h_flat.T, out=scratch.array("dWy", (n_y, n_a), dtype))
    dby = np.add.reduce(dz, 1, keepdims=True, out=scratch.array("dby", (n_y, 1), dtype))
    size = n_a, h_flat.shape[1]
    dh = np.matmul(params["Wy"].T, dz, out=scratch.array("dh", size, dtype))
    if pooled is not None:
        return {"Wy": dWy, "by": dby}, unpool(dh, pooled, pooling, scratch)
    # A view: the cell adds it step by step, so its strided rows cost no transposing copy.
    return {"Wy": dWy, "by": dby}, dh.reshape(n_a, T, B).transpose(1, 0, 2)


def in_batch(z: Array, T: int, pooling: Pooling | None) -> Array:
    """(n, N) → (T, n, B) or, for sequences, (n, B), in an array of its own."""
    if pooling is not None:
        return z.copy()
    n, N = z.shape
    return np.ascontiguousarray(z.reshape(n, T, N // T).transpose(1, 0, 2))


def _side_by_side(y: Array, is_a_step: bool) -> Array:
    """Targets of a batch as (N,) ids or (n_y, N) floats."""
    if not is_a_step:
        return y
    return y.ravel() if y.ndim == 2 else y.transpose(1, 0, 2).reshape(y.shape[1], -1)


def _counts(weights: Array | None, lengths: Array | None, T: int, B: int, whole: bool) -> Array:
    """(N,) float64: the weight of each target, 0 in the padding."""
    if whole:
        return np.ones(B) if weights is None else weights.astype(np.float64)
    found = np.ones((T, B)) if weights is None else weights.astype(np.float64)
    if lengths is not None and is_padded(lengths, T):
        found = np.where(mask(lengths, T), found, 0)
    return found.ravel()
