"""Step decay: factor = gamma ^ ⌊(step − 1) / every⌋."""

from __future__ import annotations

from dataclasses import dataclass

from rnnx.contracts.ranges import require


@dataclass(frozen=True)
class Step:
    """Multiplies the learning rate by ``gamma`` after every ``every`` updates."""

    every: int = 1000
    """Updates between two falls, at least 1."""
    gamma: float = 0.5
    """The factor of one fall. 0 < gamma ≤ 1."""

    def __post_init__(self) -> None:
        require(self.every >= 1, "every", "at least 1", self.every)
        require(0 < self.gamma <= 1, "gamma", "above 0 and at most 1", self.gamma)

    def factor(self, step: int) -> float:
        return float(self.gamma ** ((step - 1) // self.every))
