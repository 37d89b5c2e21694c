"""Cycle navigation: where a walk on a circle of places ends.

    x⟨t⟩ ∈ {·, +, −}: stay, one on, one back;   y = Σ x⟨t⟩ mod places

From Delétang et al. 2023, with 5 places. A group of 5 elements has to be tracked. Lengths count
moves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.ranges import require
from rnnx.data.corpus import Corpus
from rnnx.data.sequences import Sequences
from rnnx.data.targets import classes
from rnnx_tasks.endless import check_task, endless_corpus
from rnnx_tasks.lengths import Lengths, flat
from rnnx_tasks.levels import SOLVED, guessed


@dataclass(frozen=True)
class CycleNavigation:
    """The place on a circle where a walk ends."""

    places: int = 5
    """The places on the circle, at least 2."""
    every_step: bool = False
    """Ask for the place at every step, not at the end alone; it is learned sooner."""
    lengths: Lengths = Lengths(40, 1, 200, 41)
    """Moves of a walk, at least 1."""
    held_out: int = 1000
    """The number of walks that are held out. At least 1."""
    split_seed: int = 0
    """The seed that draws the held-out walks, whatever the run's own seed. At least 0."""

    def __post_init__(self) -> None:
        require(self.places >= 2, "places", "at least 2", self.places)
        check_task(self)

    def load(self, seed: int) -> Corpus:
        places = [str(place) for place in range(self.places)]
        targets = classes(places, per_sequence=not self.every_step)
        own = targets, ("·", "+", "−"), (), guessed(self.places), SOLVED
        return endless_corpus(self, seed, self._draw, *own)

    def _draw(self, rng: np.random.Generator, sizes: Array) -> Sequences:
        moves = rng.integers(0, 3, (len(sizes), int(sizes.max())))
        places = np.cumsum(np.array([0, 1, -1])[moves], axis=1) % self.places
        if self.every_step:
            return Sequences(sizes, flat(places, sizes), flat(moves, sizes), sizes=sizes)
        y = places[np.arange(len(sizes)), sizes - 1]
        return Sequences(sizes, y, flat(moves, sizes), per_sequence=True, sizes=sizes)
