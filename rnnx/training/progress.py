"""What a run has come to beside its parameters: the part of its state that its rounds keep."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass
class Progress:
    """Figures that the next rounds build on; a checkpoint keeps them."""

    best_val_loss: float = math.inf  # nats a token
    best_step: int = 0
    val_loss: float = math.nan  # of the last evaluation
    val_step: int = 0
    worse: int = 0  # evaluations since the best one
    since: int = 0  # steps since the last figures
    clipped: int = 0  # of these, those whose gradient was clipped
    tokens: int = 0  # of these, all targets
    trained_tokens: int = 0  # up to the last figures
    seconds: float = 0.0  # of training, up to the last figures

    def state(self) -> dict[str, Any]:
        """Plain values, for a checkpoint's metadata."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Progress:
        """From ``state()``; TypeError, ValueError or KeyError for what is no such thing."""
        made = cls()
        for item in fields(cls):
            kind, value = type(getattr(made, item.name)), state[item.name]
            if type(value) not in {kind, int}:
                raise TypeError(f"progress: {item.name} is a {type(value).__name__}")
            if kind is int and not 0 <= value < 2**63:
                raise ValueError(f"progress: {item.name} is out of range")
            setattr(made, item.name, kind(value))
        if not 0 <= made.seconds < math.inf:
            raise ValueError("progress: seconds is out of range")
        return made

    def is_over(self, step: int, patience: int) -> bool:
        """Whether ``patience`` evaluations in a row, the last after ``step``, were no better."""
        return 0 < patience <= self.worse and self.val_step == step

    def evaluated(self, loss: float, step: int) -> bool:
        """Take note of a held-out loss; True if it is the best so far."""
        self.val_loss, self.val_step = loss, step
        if loss < self.best_val_loss:
            self.best_val_loss, self.best_step, self.worse = loss, step, 0
            return True
        self.worse += 1
        return False
