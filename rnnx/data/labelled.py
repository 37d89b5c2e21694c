"""Sequences with targets as batches: padded to the longest, the longest first."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rnnx.arrays import Array
from rnnx.data.batch import Batch
from rnnx.data.sequences import Sequences, at


def pack_labelled(split: Sequences, which: Array) -> Batch:
    """The sequences at ``which`` as one batch, in this order."""
    lengths = split.lengths[which].astype(np.intp)
    T, B = int(np.maximum.reduce(lengths)), len(which)
    places, ended = split.steps_of(which, T)
    x = _inputs(split, places, ended)
    kept = None if ended is None else lengths
    if split.per_sequence:
        y = np.moveaxis(split.y[which], 0, -1)
        weights = None if split.weights is None else split.weights[which]
        tokens = B if weights is None else int(np.count_nonzero(weights))
        return Batch(x, _as_targets(y), kept, False, tokens, None, weights)
    y = _as_targets(at(split.y, places, ended))
    if split.weights is None:
        return Batch(x, y, kept, False, int(np.add.reduce(lengths)))
    weights = at(split.weights, places, ended)
    return Batch(x, y, kept, False, int(np.count_nonzero(weights)), None, weights)


def labelled_batches(split: Sequences, columns: int, most: int) -> Iterator[Batch]:
    """Every sequence once, whole, in batches of up to ``columns`` and about ``most`` places.

    A sequence is not cut, however long it is: its prediction may depend on all of it.
    """
    order = np.argsort(-split.lengths.astype(np.intp), kind="stable")
    start = 0
    while start < len(order):
        fitting = max(1, most // int(split.lengths[order[start]]))
        which = order[start : start + min(columns, fitting)]
        yield pack_labelled(split, which)._replace(which=which)
        start += len(which)


def _inputs(split: Sequences, places: Array, ended: Array | None) -> Array:
    """Ids (T, B), or floats (T, n_x, B) with one-hot symbols above the features."""
    if split.features is None:
        assert split.ids is not None
        return _ids_at(split.ids, places, ended)
    features = at(split.features, places, ended)
    if split.ids is None:
        return features
    ids = _ids_at(split.ids, places, ended)
    T, n, B = features.shape
    x = np.zeros((T, split.n_symbols + n, B), features.dtype)
    t, b = np.nonzero(ids >= 0)
    x[t, ids[t, b], b] = 1
    x[:, split.n_symbols :] = features
    return x


def _ids_at(array: Array, places: Array, ended: Array | None) -> Array:
    """Ids (T, B), −1 beyond the ends: as NumPy's own whole numbers, which have it."""
    found: Array = array[places].astype(np.intp)
    if ended is not None:
        found[ended] = -1
    return found


def _as_targets(y: Array) -> Array:
    """Ids as NumPy's own whole numbers, floats as they are."""
    return y.astype(np.intp) if y.ndim < 3 and y.dtype.kind in "iu" else y
