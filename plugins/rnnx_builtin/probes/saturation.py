"""How often each gate is closed or open (Karpathy, Johnson and Fei-Fei 2015).

    left = fraction of steps at which a unit's gate is below 0.1,   right = above 0.9

A unit far to the right in f keeps its memory for long; one in the lower left corner is rarely
saturated. For a cell without gates, |h| takes their place, with its fraction above 0.9. Computed
without dropout, from the zero state, with the parameters after the update.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.probes import Findings, Observation
from rnnx.contracts.ranges import require
from rnnx.system.png import drawing, png_bytes
from rnnx_builtin.probes.layers import layers_of, valid_steps

CLOSED, OPEN = 0.1, 0.9  # a gate is saturated below and above these


@dataclass(frozen=True)
class Saturation:
    """The fraction of steps at which each gate is closed or open, by layer and by unit."""

    every: int = 100
    """Observe step 1 and every multiple of this many steps, at least 1."""

    def __post_init__(self) -> None:
        require(self.every >= 1, "every", "at least 1", self.every)

    def observe(self, seen: Observation) -> Findings:
        metrics, images = {}, {}
        for layer, gates in enumerate(gates_of(seen)):
            fractions = {name: by_unit(values, seen.lengths) for name, values in gates.items()}
            for name, (left, right) in fractions.items():
                metrics[f"saturation/layer{layer}.{name}.right"] = float(right.mean())
                if name != "h":
                    metrics[f"saturation/layer{layer}.{name}.left"] = float(left.mean())
            images[f"layer{layer}"] = _plot(fractions)
        return Findings(metrics, images)


def gates_of(seen: Observation) -> list[Mapping[str, Array]]:
    """For each layer its gates (T, n_a, B) by letter, or |h| as ``h`` if the cell has no gates."""
    return [gates or {"h": np.abs(h)} for h, gates in layers_of(seen)]


def by_unit(values: Array, lengths: Array | None) -> tuple[Array, Array]:
    """``left, right``: (n_a,) the fraction of valid steps below CLOSED and above OPEN."""
    valid = valid_steps(values, lengths)
    weight = valid[:, None] / valid.sum()
    left: Array = ((values < CLOSED) * weight).sum(axis=(0, 2))
    right: Array = ((values > OPEN) * weight).sum(axis=(0, 2))
    return left, right


@drawing()
def _plot(fractions: Mapping[str, tuple[Array, Array]]) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    axes = figure.add_subplot(
        xlabel=f"right: fraction above {OPEN}",
        ylabel=f"left: fraction below {CLOSED}",
        aspect="equal",
    )
    axes.plot([0, 1], [1, 0], color="0.8", linewidth=1)
    for name, (left, right) in fractions.items():
        axes.plot(right, left, "o", alpha=0.5, markersize=4, label=name)
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    axes.legend(title="a dot for each unit")
    return png_bytes(figure, dpi=110)
