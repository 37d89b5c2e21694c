"""Exponential decay: factor = ½ ^ ((step − 1) / half_life)."""

from __future__ import annotations

from dataclasses import dataclass

from rnnx.contracts.ranges import require_positive


@dataclass(frozen=True)
class Exponential:
    """Halves the learning rate every ``half_life`` updates, smoothly."""

    half_life: float = 1000.0
    """Updates after which the factor is ½, above 0."""

    def __post_init__(self) -> None:
        require_positive("half_life", self.half_life)

    def factor(self, step: int) -> float:
        return float(0.5 ** ((step - 1) / self.half_life))
