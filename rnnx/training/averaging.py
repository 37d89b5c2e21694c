"""The exponential moving average of the parameters (Polyak and Juditsky 1992).

    average ← d·average + (1 − d)·params,   d = min(decay, t / (t + 9)) at step t

A step moves the parameters by the noise of its batch as well; the average has less of that noise
and follows about 1 / (1 − decay) steps behind. d grows from a small value, so that the first
parameters, which are random, are forgotten soon.
"""

from __future__ import annotations

from rnnx.arrays import Array
from rnnx.contracts.buffers import Parameters

GROWTH = 9  # t / (t + GROWTH): the average covers about the last tenth of the first steps


class Average:
    """The average of ``params`` with ``decay``; for 0 it is ``params`` itself."""

    def __init__(self, params: Parameters, decay: float) -> None:
        self.params, self._decay = params, decay
        if decay > 0:
            self.params = params.copy()
            self._change = params.flat.copy()  # room for one

    def follow(self, params: Parameters, step: int) -> None:
        """Take in the parameters after ``step``."""
        if self._decay > 0:
            kept = min(self._decay, step / (step + GROWTH))
            change, average = self._change, self.params.flat
            change[...] = params.flat
            change -= average
            change *= 1 - kept
            average += change

    def arrays(self) -> dict[str, Array]:
        """What a checkpoint keeps of it, by name."""
        return {f"average/{name}": a for name, a in self.params.leaves()} if self._decay else {}
