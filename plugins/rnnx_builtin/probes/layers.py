"""What each layer computes for a step's batch: without dropout, from the zero state, with the
parameters after the update.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts import GatedCell
from rnnx.contracts.buffers import Scratch
from rnnx.contracts.probes import Observation


def layers_of(seen: Observation) -> Iterator[tuple[Array, Mapping[str, Array]]]:
    """For each layer h and, by letter, its gates, all (T, n_a, B); a cell may have no gates."""
    network, cell = seen.network, seen.network.cell
    states = network.initial_state(seen.x.shape[-1], seen.params.flat.dtype)
    h = seen.x if seen.x.ndim == 2 else seen.x.astype(seen.params.flat.dtype, copy=False)
    for layer, state in enumerate(states):
        params = seen.params[f"layer{layer}"]
        h, _, cache = cell.forward(params, h, state, seen.lengths, Scratch())
        yield h, cell.gates(cache) if isinstance(cell, GatedCell) else {}


def valid_steps(values: Array, lengths: Array | None) -> Array:
    """(T, B) whether a step of a column is within its length; ``values`` is (T, n_a, B)."""
    T, _, B = values.shape
    return np.ones((T, B), bool) if lengths is None else np.arange(T)[:, None] < lengths
