"""Counters and best results of a run: the training loop's part of its state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from rnnx.contracts.trackers import is_number

# The names of fields in a checkpoint, where they differ.
STORED_AS = {"without_improvement": "worse", "steps_since_log": "since"}
OF_CRITERION = ("met", "met_since", "solved_at")


@dataclass
class Progress:
    """What the training loop counts from step to step; a checkpoint keeps it."""

    best_val_loss: float = math.inf  # the held-out loss of the best evaluation
    best_step: int = 0
    val_loss: float = math.nan  # of the last evaluation
    val_step: int = 0
    without_improvement: int = 0  # evaluations since the best one
    steps_since_log: int = 0
    clipped: int = 0  # of these, those whose gradient was clipped
    tokens: int = 0  # of these, all targets
    trained_tokens: int = 0  # up to the last log
    seconds: float = 0.0  # of training, up to the last log
    best_cost: float = math.inf  # of the monitored metric at the best evaluation, lower is better
    met: int = 0  # evaluations in a row that met the data's criterion, up to the last one
    met_since: int = 0  # the step of the first of these
    solved_at: int = 0  # the step from which on the criterion was met often enough; 0: not yet

    def state(self) -> dict[str, Any]:
        """Plain values, for a checkpoint's metadata."""
        return {STORED_AS.get(name, name): value for name, value in asdict(self).items()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Progress:
        """From ``state()``; TypeError, ValueError or KeyError for what is no such thing."""
        made = cls()
        for item in fields(cls):
            stored = STORED_AS.get(item.name, item.name)
            if item.name in OF_CRITERION and stored not in state:
                continue  # an earlier rnnx knew of no criterion
            if item.name == "best_cost" and stored not in state:
                stored = "best_val_loss"  # an earlier rnnx monitored the loss alone
            kind, value = type(getattr(made, item.name)), state[stored]
            if type(value) not in {kind, int} or not is_number(value):
                raise TypeError(f"progress: {item.name} is a {type(value).__name__}")
            if kind is int and not 0 <= value < 2**63:
                raise ValueError(f"progress: {item.name} is out of range")
            setattr(made, item.name, kind(value))
        if not 0 <= made.seconds < math.inf:
            raise ValueError("progress: seconds is out of range")
        return made

    def is_over(self, step: int, patience: int) -> bool:
        """Whether ``patience`` evaluations in a row, the last after ``step``, were no better."""
        return 0 < patience <= self.without_improvement and self.val_step == step

    def evaluated(self, loss: float, step: int, cost: float | None = None) -> bool:
        """Take note of a held-out loss; True if it is the best so far.

        ``cost`` decides that in its place, where another metric is monitored: lower is better.
        """
        cost = loss if cost is None else cost
        self.val_loss, self.val_step = loss, step
        if cost < self.best_cost:
            self.best_cost = cost
            self.best_val_loss, self.best_step, self.without_improvement = loss, step, 0
            return True
        self.without_improvement += 1
        return False

    def judged(self, is_met: bool, step: int, evaluations: int) -> bool:
        """Take note whether an evaluation met the criterion; True if that solves the task now.

        It is solved by so many ``evaluations`` in a row, at the step of the first of them.
        """
        self.met = self.met + 1 if is_met else 0
        if self.met == 1:
            self.met_since = step
        if self.solved_at or self.met < evaluations:
            return False
        self.solved_at = self.met_since
        return True
