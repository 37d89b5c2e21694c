"""Falls when the held-out metric stops improving, as PyTorch's ReduceLROnPlateau.

factor ← max(factor·gamma, floor) after more than ``patience`` evaluations in a row that are no
better than the best: value ≥ best − threshold·|best|, or with higher_is_better
value ≤ best + threshold·|best|
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnnx.arrays import Params
from rnnx.contracts.ranges import require, require_share


@dataclass(frozen=True)
class Plateau:
    """Multiplies the learning rate by ``gamma`` when evaluations stop improving."""

    gamma: float = 0.5
    """The factor of one fall. 0 < gamma < 1."""
    patience: int = 3
    """Evaluations without an improvement that are borne; the next one causes a fall. At least 0."""
    threshold: float = 1e-4
    """The least improvement that counts, as a fraction of the best value. 0 ≤ threshold < 1."""
    cooldown: int = 0
    """Evaluations after a fall that do not count. At least 0."""
    floor: float = 0.0
    """The least factor. 0 ≤ floor < 1."""

    def __post_init__(self) -> None:
        require(0 < self.gamma < 1, "gamma", "above 0 and below 1", self.gamma)
        require(self.patience >= 0, "patience", "at least 0", self.patience)
        require_share("threshold", self.threshold)
        require(self.cooldown >= 0, "cooldown", "at least 0", self.cooldown)
        require_share("floor", self.floor)

    def init_state(self) -> Params:
        # best: of the metric, or of minus the metric where higher is better
        return {
            "factor": np.ones(1),
            "best": np.full(1, np.inf),
            "worse": np.zeros(1, np.int64),  # evaluations in a row without an improvement
            "cooling": np.zeros(1, np.int64),  # evaluations that do not count yet
        }

    def evaluated(self, state: Params, value: float, higher_is_better: bool) -> None:
        factor, best, worse, cooling = (
            state[key] for key in ("factor", "best", "worse", "cooling")
        )
        loss = -value if higher_is_better else value
        margin = self.threshold * abs(best[0]) if np.isfinite(best[0]) else 0.0
        if loss < best[0] - margin:  # NaN is no improvement
            best[0], worse[0] = loss, 0
        else:
            worse += 1
        if cooling[0] > 0:
            cooling -= 1
            worse[0] = 0
        if worse[0] > self.patience:
            factor[0] = max(factor[0] * self.gamma, self.floor)
            cooling[0], worse[0] = self.cooldown, 0

    def factor_with_state(self, step: int, state: Params) -> float:
        return float(state["factor"][0])
