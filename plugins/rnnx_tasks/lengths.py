"""How long the sequences of a task are, in training and held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.ranges import require


@dataclass(frozen=True)
class Lengths:
    """Lengths of sequences, drawn evenly between the shortest and the longest."""

    longest: int = 40
    """The longest sequence in training. What a length counts is in the task's description. At
    least 1."""
    shortest: int = 0
    """The shortest sequence in training; 0: all are as long as ``longest``. At least 0."""
    val_longest: int = 0
    """The longest sequence held out; 0: lengths as in training. At least 0."""
    val_shortest: int = 0
    """The shortest sequence held out; 0: all are as long as ``val_longest``. At least 0."""

    def __post_init__(self) -> None:
        require(self.longest >= 1, "lengths.longest", "at least 1", self.longest)
        require(self.val_longest >= 0, "lengths.val_longest", "at least 0", self.val_longest)
        most, held_out = self.longest, self.val_longest
        inside = 0 <= self.shortest <= most
        require(inside, "lengths.shortest", f"0 … {most}, which is lengths.longest", self.shortest)
        inside = 0 <= self.val_shortest <= held_out
        require(
            inside,
            "lengths.val_shortest",
            f"0 … {held_out}, which is lengths.val_longest",
            self.val_shortest,
        )

    @property
    def training(self) -> tuple[int, int]:
        """The shortest and the longest in training."""
        return self.shortest or self.longest, self.longest

    @property
    def held_out(self) -> tuple[int, int]:
        """The shortest and the longest held out."""
        if not self.val_longest:
            return self.training
        return self.val_shortest or self.val_longest, self.val_longest

    @property
    def least(self) -> int:
        """The shortest of all."""
        return min(self.training[0], self.held_out[0])


def draw_sizes(rng: np.random.Generator, count: int, bounds: tuple[int, int]) -> Array:
    """(count,) lengths, drawn evenly."""
    shortest, longest = bounds
    return rng.integers(shortest, longest + 1, count)


def flat(rows: Array, lengths: Array) -> Array:
    """The first ``lengths[i]`` steps of each row of (count, longest, …), end to end."""
    return rows[np.arange(rows.shape[1]) < lengths[:, None]]
