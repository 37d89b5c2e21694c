"""One cycle (Smith and Topin 2018), with cosines in place of lines, as PyTorch's OneCycleLR has it.

with e = rise·steps − 1, the place of the peak, and k = step − 1:
k ≤ e:          start + (1 − start)·½·(1 − cos(π·k / e))
after it:       floor + (1 − floor)·½·(1 + cos(π·(k − e) / (steps − 1 − e)))
beyond steps:   floor

The momentum, which the paper lowers while the rate rises, stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, pi

from rnnx.contracts.ranges import require


@dataclass(frozen=True)
class OneCycle:
    """Raises the rate from a small one to its full value, then lowers it to almost nothing."""

    steps: int = 2000
    """The update at which the floor is reached, at least 2. It does not follow the run's own number
    of steps, so that training longer changes no earlier update."""
    rise: float = 0.3
    """The fraction of ``steps`` in which the rate rises. 1/steps < rise < 1."""
    start: float = 0.04
    """The factor of the first update. 0 < start ≤ 1."""
    floor: float = 4e-6
    """The factor from ``steps`` on. 0 ≤ floor < 1."""

    def __post_init__(self) -> None:
        require(self.steps >= 2, "steps", "at least 2", self.steps)
        least = 1 / self.steps
        require(
            least < self.rise < 1, "rise", f"above 1/steps = {least:.3g} and below 1", self.rise
        )
        require(0 < self.start <= 1, "start", "above 0 and at most 1", self.start)
        require(0 <= self.floor < 1, "floor", "at least 0 and below 1", self.floor)

    def factor(self, step: int) -> float:
        peak, k = self.rise * self.steps - 1, step - 1
        if k <= peak:
            return self.start + (1 - self.start) * 0.5 * (1 - cos(pi * k / peak))
        fraction = min((k - peak) / (self.steps - 1 - peak), 1.0)
        return self.floor + (1 - self.floor) * 0.5 * (1 + cos(pi * fraction))
