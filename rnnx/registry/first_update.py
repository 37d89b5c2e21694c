"""What an update's components must leave as it is, looked at in the first update alone.

At every step it would take as long as the update itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from rnnx.arrays import Params
from rnnx.contracts.buffers import Parameters
from rnnx.registry.checks import contract_error


def wrong_state(found: Any) -> str:
    """Why it is no state that a checkpoint keeps; empty: it is one."""
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        return f"returned {type(found).__name__}, expected a dict of arrays by name"
    for name, array in found.items():
        if not isinstance(array, np.ndarray):
            return f"{name} is {type(array).__name__}, expected an array"
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            return f"{name} is {array.dtype}, which a checkpoint cannot keep; use float or int"
    return ""


def refuse_other_arrays(kind: str, component: Any, method: str, before: Params, now: Any) -> None:
    """PluginError unless a state has the arrays that it had, whatever their values are now."""
    for name in {**before, **now}:
        if now.get(name) is before.get(name):
            continue
        what = "added" if name not in before else "removed" if name not in now else "replaced"
        told = f"{method}: {what} state {name}; change the arrays of the state in place"
        raise contract_error(kind, component, told)


def refuse_infinite(clipper: Any, method: str, grads: Parameters) -> None:
    """PluginError where the clipper left gradients that are not finite: they were before."""
    if not np.isfinite(grads.flat).all():
        told = f"{method}: the gradient is not finite after it, and was before"
        raise contract_error("clipper", clipper, told)


class FirstUpdate:
    """Parameters and states as they were before the first update; ``states`` are by their kind."""

    def __init__(self, params: Parameters, states: Mapping[str, Params]) -> None:
        self._params, self._flat, self._before = params, params.flat, params.flat.copy()
        self._states, self._had = states, {kind: dict(state) for kind, state in states.items()}
        of_schedule = states.get("schedule", {})
        self._values = {name: array.copy() for name, array in of_schedule.items()}

    def clipped(self, clipper: Any, method: str, grads: Parameters) -> None:
        """PluginError where clipping did more than change finite gradients and its state."""
        self._refuse_other_arrays("clipper", clipper, method)
        params = self._params.flat
        if params is not self._flat or not np.array_equal(params, self._before):
            raise contract_error("clipper", clipper, f"{method}: changed the parameters")
        refuse_infinite(clipper, method, grads)

    def factored(self, schedule: Any, method: str) -> None:
        """PluginError where asking for the factor changed the state."""
        self._refuse_other_arrays("schedule", schedule, method)
        for name, array in self._states.get("schedule", {}).items():
            if not np.array_equal(array, self._values[name], equal_nan=True):
                told = f"{method}: changed state {name}, which evaluated alone may change"
                raise contract_error("schedule", schedule, told)

    def updated(self, optimizer: Any, method: str, rate: float) -> None:
        """PluginError where the update exchanged arrays of the state, or made parameters NaN.

        With a huge ``rate`` the numbers overflow in any optimizer.
        """
        self._refuse_other_arrays("optimizer", optimizer, method)
        is_moderate = rate < math.sqrt(np.finfo(self._before.dtype).max)
        made_nan = np.isnan(self._params.flat).any() and not np.isnan(self._before).any()
        if is_moderate and made_nan:
            told = f"{method}: parameters are nan after it; the gradient and the rate are finite"
            raise contract_error("optimizer", optimizer, told)

    def _refuse_other_arrays(self, kind: str, component: Any, method: str) -> None:
        if kind in self._states:
            had, now = self._had[kind], self._states[kind]
            refuse_other_arrays(kind, component, method, had, now)
