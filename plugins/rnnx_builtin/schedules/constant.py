"""A constant learning rate: factor = 1."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Constant:
    """Keeps the learning rate constant."""

    def factor(self, step: int) -> float:
        return 1.0
