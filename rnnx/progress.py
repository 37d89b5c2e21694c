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
        """From ``state()``; TypeError or ValueError for what is no such thing."""
        kinds = {item.name: type(getattr(cls, item.name)) for item in fields(cls)}
        return cls(**{name: kinds[name](state[name]) for name in kinds})

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
