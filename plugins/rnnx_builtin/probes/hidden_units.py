"""A heat map of the hidden units while a sample is read: units down, characters across.

After Karpathy, Johnson and Fei-Fei (2015): a unit that counts the length of a line, or is active
inside quotes, is visible as a row. The sample is the longest example of the step's batch; each
character labels the values of h after it was read. Where a step is features, its number does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.probes import Findings, Observation
from rnnx.contracts.ranges import require
from rnnx.system.png import drawing, png_bytes
from rnnx.system.text import printable

FIRST = "▸"  # stands for the zero vector before the first character


@dataclass(frozen=True)
class HiddenUnits:
    """A heat map of the top layer's hidden units over the characters of a sample."""

    every: int = 250
    """Observe step 1 and every multiple of this many steps, at least 1."""
    units: int = 32
    """How many units, those of the largest standard deviation, at least 1."""
    length: int = 60
    """How many characters at most, at least 1."""

    def __post_init__(self) -> None:
        require(self.every >= 1, "every", "at least 1", self.every)
        require(self.units >= 1, "units", "at least 1", self.units)
        require(self.length >= 1, "length", "at least 1", self.length)

    def observe(self, seen: Observation) -> Findings:
        h, characters, units = self.select(seen)
        return Findings(images={"heat_map": _plot(h, characters, units)})

    def select(self, seen: Observation) -> tuple[Array, list[str], Array]:
        """``h (units, t), the t characters that were read, the units' indices`` of the image."""
        T, B = len(seen.x), seen.x.shape[-1]
        lengths = np.full(B, T) if seen.lengths is None else seen.lengths
        b = int(np.argmax(lengths))
        t = min(int(lengths[b]), self.length)
        h = seen.h[:t, :, b].astype(np.float64).T  # (n_a, t)
        units = np.sort(np.argsort(-h.std(axis=1), kind="stable")[: self.units])
        if seen.x.ndim == 3:  # real features: steps have numbers alone
            return h[units], [str(step) for step in range(1, t + 1)], units
        return h[units], [_label(seen.symbols, int(i)) for i in seen.x[:t, b]], units


def _label(symbols: Sequence[str], i: int) -> str:
    return FIRST if i < 0 else printable({"\n": "⏎", " ": "␣"}.get(symbols[i], symbols[i]))


@drawing()
def _plot(h: Array, characters: list[str], units: Array) -> bytes:
    from matplotlib.figure import Figure

    size = (max(4.0, 0.17 * len(characters) + 1.5), max(3.0, 0.17 * len(units) + 1.2))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot(xlabel="character that was read", ylabel="hidden unit")
    image = axes.imshow(h, aspect="auto", cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
    axes.set_xticks(range(len(characters)), characters, fontsize=8)
    axes.set_yticks(range(len(units)), [str(unit) for unit in units], fontsize=7)
    figure.colorbar(image, label="h")
    return png_bytes(figure, dpi=110)
