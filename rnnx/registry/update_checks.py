"""The checked way from a gradient to moved parameters: clip, factor, update, projection."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rnnx.arrays import Params
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.execution import Execution
from rnnx.registry.attribution import attribute
from rnnx.registry.checks import contract_error
from rnnx.registry.first_update import FirstUpdate, refuse_infinite


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
    states: Mapping[str, Params]  # by kind: the optimizer's, the clipper's and schedule's own


def try_update(clipper: Any, optimizer: Any, execution: Execution, dtype: npt.DTypeLike) -> None:
    """Call what a step would call of the components' forms, with two numbers that are nobody's.

    Not those that have state of the run or follow its parameters.
    """
    params, limit = Parameters({"some": {"numbers": np.ones((2, 1))}}, dtype), sys.float_info.max
    clip, update = (execution.form(component) for component in (clipper, optimizer))
    if hasattr(clip, "clip"):
        clip.clip(params, limit)
    if hasattr(update, "update"):
        update.update(params, params.copy(), optimizer.init(params), 0.0, 1, Scratch())


class CheckedUpdate:
    """Clipper, schedule and optimizer: the way from a gradient to moved parameters."""

    def __init__(self, parts: UpdateParts, execution: Execution) -> None:
        self._parts, self.optimizer = parts, parts.update.component
        self._clip, self._factor = parts.clip.on(execution), parts.factor.on(execution)
        self._update = parts.update.on(execution)
        self._project, self._state = parts.project, parts.states["optimizer"]
        self._is_first = True

    def __call__(
        self, params: Parameters, grads: Parameters, norm: float, step: int, scratch: Scratch
    ) -> tuple[bool, float]:
        """Clip ``grads`` of the L2 norm ``norm`` and update ``params``: ``clipped, rate``."""
        flat, first = params.flat, None
        if self._is_first:
            first, self._is_first = FirstUpdate(params, self._parts.states), False
        try:
            clipped: Any = self._clip(grads, norm)
            if clipped is not True and clipped is not False and not isinstance(clipped, np.bool_):
                self._refuse(self._parts.clip, "", clipped, "True or False")
            if first is not None:
                first.clipped(self._parts.clip.component, self._parts.clip.name, grads)
            factor: Any = self._factor(step)
            if not (isinstance(factor, (int, float, np.floating)) and 0 <= factor < math.inf):
                self._refuse(self._parts.factor, step, factor, "a finite number of at least 0")
            if first is not None:
                first.factored(self._parts.factor.component, self._parts.factor.name)
            rate = self.optimizer.learning_rate * float(factor)
            self._update(params, grads, self._state, rate, step, scratch)
            if first is not None and params.flat is flat:
                first.updated(self.optimizer, self._parts.update.name, rate)
            if self._project is not None:
                self._project()
        except BaseException as error:
            attribute(error)
            raise
        if params.flat is not flat:
            what = "update: replaced params.flat, which other arrays are views of"
            raise contract_error("optimizer", self.optimizer, f"{what}; change it in place")
        return bool(clipped), rate

    def refuse_clipped(self, grads: Parameters) -> None:
        """PluginError where the clipper left gradients that are not finite: they were before."""
        refuse_infinite(self._parts.clip.component, self._parts.clip.name, grads)

    def _refuse(self, method: BoundMethod, step: int | str, found: Any, expected: str) -> None:
        kind = "clipper" if method is self._parts.clip else "schedule"
        what = f"{method.name}({step}) returned {found!r:.60}, expected {expected}"
        raise contract_error(kind, method.component, what)
