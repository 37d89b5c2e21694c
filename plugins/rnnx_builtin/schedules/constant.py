"""factor = 1."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Constant:
    """The learning rate stays as it is."""

    def factor(self, step: int) -> float:
        return 1.0
