"""factor = gamma ^ ⌊(step − 1) / every⌋."""

from __future__ import annotations

from dataclasses import dataclass

from rnnx.contracts.ranges import require


@dataclass(frozen=True)
class Step:
    """Falls by a constant factor after every so many updates."""

    every: int = 1000
    """Updates on one level, at least 1."""
    gamma: float = 0.5
    """The factor from one level to the next. 0 < gamma ≤ 1."""

    def __post_init__(self) -> None:
        require(self.every >= 1, "every", "at least 1", self.every)
        require(0 < self.gamma <= 1, "gamma", "above 0 and at most 1", self.gamma)

    def factor(self, step: int) -> float:
        return float(self.gamma ** ((step - 1) // self.every))
