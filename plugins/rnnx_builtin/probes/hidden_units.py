"""What the hidden units do while a sample is read: a heat map, units down, characters across.

The picture that readers of character-level networks know from Karpathy, Johnson and Fei-Fei (2015):
a unit that counts a line's length, or is on inside quotes, shows as a row of its own. The sample
is the longest example of the step's batch; a character stands above what h is after it was read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.probes import Findings, Observation
from rnnx.contracts.ranges import require
from rnnx.system.png import png_bytes
from rnnx.system.text import printable

FIRST = "▸"  # the zero vector, before the first character


@dataclass(frozen=True)
class HiddenUnits:
    """A heat map of the top layer's hidden units over the characters of a sample."""

    every: int = 250
    """Look after step 1 and every multiple of this many steps, at least 1."""
    units: int = 32
    """How many units, those that move most, at least 1."""
    length: int = 60
    """The most characters, at least 1."""

    def __post_init__(self) -> None:
        require(self.every >= 1, "every", "at least 1", self.every)
        require(self.units >= 1, "units", "at least 1", self.units)
        require(self.length >= 1, "length", "at least 1", self.length)

    def observe(self, seen: Observation) -> Findings:
        h, characters, units = self.chosen(seen)
        return Findings({}, {"heat_map": _picture(h, characters, units)})

    def chosen(self, seen: Observation) -> tuple[Array, list[str], Array]:
        """``h (units, t), the t characters that were read, the units' numbers`` in the picture."""
        T, B = seen.x.shape
        lengths = np.full(B, T) if seen.lengths is None else seen.lengths
        b = int(np.argmax(lengths))
        t = min(int(lengths[b]), self.length)
        h = seen.h[:t, :, b].astype(np.float64).T  # (n_a, t)
        moved = np.argsort(-h.std(axis=1), kind="stable")[: self.units]
        units = np.sort(moved)
        return h[units], [_shown(seen.symbols, int(i)) for i in seen.x[:t, b]], units


def _shown(symbols: Sequence[str], i: int) -> str:
    return FIRST if i < 0 else printable({"\n": "⏎", " ": "␣"}.get(symbols[i], symbols[i]))


def _picture(h: Array, characters: list[str], units: Array) -> bytes:
    from matplotlib.figure import Figure

    size = (max(4.0, 0.17 * len(characters) + 1.5), max(3.0, 0.17 * len(units) + 1.2))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot(xlabel="character that was read", ylabel="hidden unit")
    image = axes.imshow(h, aspect="auto", cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
    axes.set_xticks(range(len(characters)), characters, fontsize=8)
    axes.set_yticks(range(len(units)), [str(unit) for unit in units], fontsize=7)
    figure.colorbar(image, label="h")
    return png_bytes(figure, dpi=110)
