"""Checks of what a cell, head or block says about the update of its parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Params
from rnnx.contracts.updates import GroupedParameters, ProjectedParameters
from rnnx.errors import PluginError
from rnnx.registry.updates import patterns_of
from rnnx.testing.suite import Check, NotApplicable, expect


class ParameterChecks(NamedTuple):
    """The checks for one kind of component."""

    groups: Check
    projection: Check


def parameter_checks(init: Callable[[Any], Params]) -> ParameterChecks:
    """The checks of a kind whose parameters ``init`` makes, in float64."""

    def check_groups(component: Any) -> None:
        """The patterns of ``parameter_groups`` fit parameters, and are the same at each call."""
        if not isinstance(component, GroupedParameters):
            raise NotApplicable("the component has no parameter groups")
        params = init(component)
        try:
            first, second = (dict(patterns_of(component, params)) for _ in range(2))
        except PluginError as error:
            expect(False, str(error))
        expect(first == second, f"parameter_groups: {first} at first, then {second}")

    def check_projection(component: Any) -> None:
        """``project_parameters`` changes parameters in place, and a second time not at all."""
        if not isinstance(component, ProjectedParameters):
            raise NotApplicable("the component projects no parameters")
        rng, params = np.random.default_rng(0), init(component)
        for array in params.values():
            np.add(array, rng.normal(scale=10.0, size=array.shape), out=array)
        before, arrays = {k: a.copy() for k, a in params.items()}, dict(params)
        component.project_parameters(params)
        same = all(params.get(name) is array for name, array in arrays.items())
        expect(same and len(params) == len(arrays), "replaced an array; change it in place")
        once = {k: a.copy() for k, a in params.items()}
        moved = any(not np.array_equal(once[k], before[k]) for k in once)
        expect(moved, "parameters of about 10 stayed as they were: there is nothing to project")
        component.project_parameters(params)
        for name, array in params.items():
            expect(bool(np.isfinite(array).all()), f"{name} is not finite")
            close = np.allclose(array, once[name], rtol=1e-9, atol=1e-12)
            expect(close, f"{name}: a second projection moves it again")

    return ParameterChecks(check_groups, check_projection)
