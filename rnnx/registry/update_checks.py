"""The checked way from a gradient to moved parameters: clip, factor, update, projection."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Params
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.execution import Execution
from rnnx.registry.attribution import attribute
from rnnx.registry.checks import contract_error


class BoundMethod(NamedTuple):
    """A method of a component, and what gives it the state that it has in a run."""

    component: Any
    name: str
    bind: Callable[[Callable[..., Any]], Callable[..., Any]] | None = None

    def on(self, execution: Execution) -> Callable[..., Any]:
        """The method as a step calls it, of the compiled form where that is to compute."""
        method = execution.method(self.component, self.name)
        return method if self.bind is None else self.bind(method)


class UpdateParts(NamedTuple):
    """What an update calls, by the abilities of the components (registry/updates.py)."""

    clip: BoundMethod  # of grads and their norm
    factor: BoundMethod  # of the step
    update: BoundMethod  # as Optimizer.update
    project: Callable[[], None] | None
    state: Params  # the optimizer's


class CheckedUpdate:
    """Clipper, schedule and optimizer: the way from a gradient to moved parameters."""

    def __init__(self, parts: UpdateParts, execution: Execution) -> None:
        self.schedule, self.optimizer = parts.factor.component, parts.update.component
        self._clip, self._factor = parts.clip.on(execution), parts.factor.on(execution)
        self._update = parts.update.on(execution)
        self._project, self._state = parts.project, parts.state

    def __call__(
        self, params: Parameters, grads: Parameters, norm: float, step: int, scratch: Scratch
    ) -> tuple[bool, float]:
        """Clip ``grads`` of the L2 norm ``norm`` and update ``params``: ``clipped, rate``."""
        flat = params.flat
        try:
            clipped = self._clip(grads, norm)
            factor: Any = self._factor(step)
            if not (isinstance(factor, (int, float, np.floating)) and 0 <= factor < math.inf):
                what = f"factor({step}) returned {factor!r:.60}"
                what += ", expected a finite number of at least 0"
                raise contract_error("schedule", self.schedule, what)
            rate = self.optimizer.learning_rate * float(factor)
            self._update(params, grads, self._state, rate, step, scratch)
            if self._project is not None:
                self._project()
        except BaseException as error:
            attribute(error)
            raise
        if params.flat is not flat:
            what = "update: replaced params.flat, which other arrays are views of"
            raise contract_error("optimizer", self.optimizer, f"{what}; change it in place")
        return bool(clipped), rate
