"""How gates, activations, gradients and weights are distributed, as quantiles by step.

    gates.layer0.f/q10, …/q25, …/q50, …/q75, …/q90     of a gate, over units, columns and steps
    activations.layer0/…                               of h, likewise
    gradients.layer0.Wx/…                              of a parameter's gradient, before clipping
    weights.layer0.Wx/…                                of a parameter

10 % of the values are below q10. The quantiles of one distribution are metrics of one name, so
MLflow has their charts in one section and `rnnx report` draws them as bands around the median.
Gates that drift to 0 or 1, activations that saturate, gradients that vanish in one matrix alone and
weights that grow without end are seen so, and compared between runs. Gates and activations are
computed without dropout, from the zero state, with the parameters after the update.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.probes import Findings, Observation
from rnnx.contracts.ranges import require
from rnnx_builtin.probes.layers import layers_of, valid_steps

PER_CENT = (10, 25, 50, 75, 90)


@dataclass(frozen=True)
class Distributions:
    """Quantiles of every gate, activation, gradient and weight, as metrics by step."""

    every: int = 100
    """Observe step 1 and every multiple of this many steps, at least 1."""

    def __post_init__(self) -> None:
        require(self.every >= 1, "every", "at least 1", self.every)

    def observe(self, seen: Observation) -> Findings:
        return Findings(
            {
                f"{name}/q{per_cent}": float(value)
                for name, values in _values(seen)
                for per_cent, value in zip(PER_CENT, np.percentile(values, PER_CENT), strict=True)
            }
        )


def _values(seen: Observation) -> Iterator[tuple[str, Array]]:
    """The name of each distribution, and its numbers."""
    for layer, (h, gates) in enumerate(layers_of(seen)):
        valid = valid_steps(h, seen.lengths)
        yield f"activations.layer{layer}", h.transpose(0, 2, 1)[valid]
        for name, values in gates.items():
            yield f"gates.layer{layer}.{name}", values.transpose(0, 2, 1)[valid]
    for kind, tree in (("gradients", seen.grads), ("weights", seen.params)):
        yield from ((f"{kind}.{name}", array) for name, array in tree.leaves())
