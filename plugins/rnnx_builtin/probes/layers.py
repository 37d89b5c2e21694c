"""What each layer computes for a step's batch: without dropout, from the initial state, with the
parameters after the update.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.probes import Observation


def layers_of(seen: Observation) -> Iterator[tuple[Array, Mapping[str, Array]]]:
    """For each layer h and, by letter, its gates, all (T, n_a, B); a cell may have no gates.

    Where layers read both ways h is (T, 2·n_a, B) and the gates are ``forward.f``, ``backward.f``.
    """
    for found in seen.network.layer_values(seen.params, seen.x, seen.lengths):
        yield found.h, found.gates


def valid_steps(values: Array, lengths: Array | None) -> Array:
    """(T, B) whether a step of a column is within its length; ``values`` is (T, n_a, B)."""
    T, _, B = values.shape
    return np.ones((T, B), bool) if lengths is None else np.arange(T)[:, None] < lengths
