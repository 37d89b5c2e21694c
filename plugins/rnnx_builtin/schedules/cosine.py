"""Cosine decay after a linear warm-up (Loshchilov and Hutter 2017).

step ≤ warmup:  step / warmup
after it:       floor + (1 − floor)·½·(1 + cos(π·(step − s₀) / (steps − s₀))),  s₀ = max(warmup, 1)
beyond steps:   floor
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi

from rnnx.contracts.ranges import require, require_share


@dataclass(frozen=True)
class Cosine:
    """Raises the rate linearly, lowers it along half a cosine, and then keeps it at a floor."""

    steps: int = 2000
    """The update at which the floor is reached, at least 2. It does not follow the run's own number
    of steps, so that training longer changes no earlier update."""
    warmup: int = 0
    """Updates of the linear rise. 0 ≤ warmup < steps."""
    floor: float = 0.0
    """The factor from ``steps`` on. 0 ≤ floor < 1."""

    def __post_init__(self) -> None:
        require(self.steps >= 2, "steps", "at least 2", self.steps)
        require(0 <= self.warmup < self.steps, "warmup", f"0 to {self.steps - 1}", self.warmup)
        require_share("floor", self.floor)

    def factor(self, step: int) -> float:
        if step < self.warmup:
            return step / self.warmup
        begin = max(self.warmup, 1)
        fraction = min((step - begin) / (self.steps - begin), 1.0)
        return self.floor + (1 - self.floor) * 0.5 * (1 + cos(pi * fraction))
