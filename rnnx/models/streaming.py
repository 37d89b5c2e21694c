"""A network one step at a time, its weights prepared once: how new text is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.models.network import Network, States

Step: TypeAlias = Callable[[Array, States], tuple[Array, States]]
"""ids (B,) and every layer's state before them → the top layer's y (d, B), the states after."""


def stream(network: Network, params: Parameters, scratch: Scratch) -> Step:
    """One step of the whole stack; y is valid until the next call."""
    steps = [layer.stream(params, scratch) for layer in network.stack]

    def step(ids: Array, states: States) -> tuple[Array, States]:
        x, after = ids, []
        for layer, before in zip(steps, states, strict=True):
            x, state = layer(x, before)
            after.append(state)
        return x, tuple(after)

    return step


def select(states: States, columns: Array) -> States:
    """The states of some columns; ``columns`` is a mask or places."""
    places = np.flatnonzero(columns) if columns.dtype == np.bool_ else columns
    # Not array[..., columns]: that lies transposed, and every operation of a step with it is slow.
    return tuple(tuple(np.take(array, places, axis=-1) for array in state) for state in states)
