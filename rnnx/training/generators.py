"""The random generators of a run: one for each use, all from its seed, all kept in checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

RNG_STREAMS = ("init", "order", "dropout", "sampling")


def generators_of(seed: int) -> dict[str, np.random.Generator]:
    """A generator for each of RNG_STREAMS, independent of the others."""
    children = np.random.SeedSequence(seed).spawn(len(RNG_STREAMS))
    return {
        stream: np.random.default_rng(child)
        for stream, child in zip(RNG_STREAMS, children, strict=True)
    }


def restore_generators(rngs: Mapping[str, np.random.Generator], states: Any) -> None:
    """Continue from ``states``; TypeError, ValueError or KeyError for what is no such thing."""
    if states.keys() != rngs.keys():
        raise ValueError(f"generators must be {', '.join(rngs)}")
    for name, rng in rngs.items():
        rng.bit_generator.state = states[name]
        if rng.bit_generator.state != states[name]:  # NumPy takes what it can and leaves the rest
            raise ValueError(f"the state of generator {name} is none of NumPy's")
