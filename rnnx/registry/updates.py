"""What moves a run's parameters: clipper, schedule and optimizer, with their optional abilities.

Which abilities a component has is asked once, when the run begins or its backend changes. A step
then calls what was found; for components without any that is their own method.

Groups act through ``Optimizer.update`` as it is. An optimizer is shown 0 in place of the parameters
that are not decayed, whatever its decay is called, and what it made of the 0 is their move; a move
is multiplied by its group's rate and added to the parameters as they were.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array, Params
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.components import Optimizer
from rnnx.contracts.updates import (
    DecayingOptimizer,
    Group,
    GroupedOptimizer,
    GroupedParameters,
    Groups,
    MonitoringSchedule,
    ParameterClipper,
    ProjectedParameters,
    StatefulClipper,
)
from rnnx.registry.attribution import attributing
from rnnx.registry.checks import contract_error
from rnnx.registry.first_update import refuse_other_arrays, wrong_state
from rnnx.registry.update_checks import BoundMethod, UpdateParts

Owners = Mapping[str, Any]
"""How the names of parts begin ("layer", "head") → the component that owns their parameters."""


class UpdateRules:
    """Clipper, schedule and optimizer of a run, bound to its parameters and their own state.

    ``owners`` are the components whose parameters they are.
    """

    def __init__(
        self, clipper: Any, schedule: Any, optimizer: Any, owners: Owners, params: Parameters
    ) -> None:
        self._clipper, self._schedule, self._optimizer = clipper, schedule, optimizer
        self._params = params
        self._owned = [(owner_of(part, owners), part) for part in params]
        with attributing():
            found: dict[str, Any] = {"optimizer": optimizer.init(params)}
            if isinstance(clipper, StatefulClipper):
                found["clipper"] = clipper.init_state(params)
            if isinstance(schedule, MonitoringSchedule):
                found["schedule"] = schedule.init_state()
        made = {"optimizer": optimizer, "clipper": clipper, "schedule": schedule}
        self._state = {kind: _state(kind, made[kind], state) for kind, state in found.items()}
        self.parts = UpdateParts(
            self._clip(),
            self._factor(),
            grouped(optimizer, groups_of(optimizer, owners, params)),
            self._projection(),
            self._state,
        )

    def arrays(self) -> Params:
        """All state under the names that a checkpoint gives it: ``optimizer/m``, ``clipper/…``."""
        return {
            f"{kind}/{name}": array
            for kind, state in self._state.items()
            for name, array in state.items()
        }

    @property
    def follows_metric(self) -> bool:
        """Whether the schedule follows the held-out metric."""
        return isinstance(self._schedule, MonitoringSchedule)

    def evaluated(self, value: float, higher_is_better: bool) -> None:
        """Tell the schedule the held-out metric, if it follows it."""
        if isinstance(self._schedule, MonitoringSchedule):
            state, had = self._state["schedule"], dict(self._state["schedule"])
            with attributing():
                self._schedule.evaluated(state, value, higher_is_better)
            refuse_other_arrays("schedule", self._schedule, "evaluated", had, state)

    def _clip(self) -> BoundMethod:
        clipper, params = self._clipper, self._params
        if isinstance(clipper, StatefulClipper):
            state = self._state["clipper"]
            return BoundMethod(
                clipper,
                "clip_with_state",
                lambda clip: lambda grads, norm: clip(grads, norm, state, params),
            )
        if isinstance(clipper, ParameterClipper):
            return BoundMethod(
                clipper,
                "clip_by_parameters",
                lambda clip: lambda grads, norm: clip(grads, norm, params),
            )
        return BoundMethod(clipper, "clip")

    def _factor(self) -> BoundMethod:
        schedule = self._schedule
        if isinstance(schedule, MonitoringSchedule):
            state = self._state["schedule"]
            return BoundMethod(
                schedule,
                "factor_with_state",
                lambda factor: lambda step: factor(step, state),
            )
        return BoundMethod(schedule, "factor")

    def _projection(self) -> Callable[[], None] | None:
        """What keeps parameters within their sets after an update; None: they have none."""
        params = self._params
        owned = [(c, params[part]) for c, part in self._owned if isinstance(c, ProjectedParameters)]
        if not owned:
            return None

        def project() -> None:
            for component, part in owned:
                before = dict(part)
                component.project_parameters(part)
                if part.keys() != before.keys() or any(part[k] is not before[k] for k in before):
                    what = "project_parameters: replaced an array; change it in place"
                    raise contract_error("component", component, what)

        return project


def _state(kind: str, component: Any, found: Any) -> Params:
    """The state that a component made: arrays by name."""
    if cause := wrong_state(found):
        method = "init" if kind == "optimizer" else "init_state"
        raise contract_error(kind, component, f"{method}: {cause}")
    made: Params = found
    return made


def owner_of(part: str, owners: Owners) -> Any:
    """The component whose parameters a part holds: "layer0" are those of "layer"."""
    return owners.get(re.split(r"[^a-z]", part, maxsplit=1)[0])


class Place(NamedTuple):
    """Neighbouring numbers of the flat vector that are in one group."""

    where: slice  # in the flat vector
    kept: slice  # in the buffer of all grouped numbers
    group: Group


def groups_of(optimizer: Any, owners: Owners, params: Parameters) -> list[Place]:
    """The parameters that are not updated as all others are, in order."""
    spares = isinstance(optimizer, DecayingOptimizer) and not optimizer.decay_biases
    found: list[Place] = []
    start = kept = 0
    for part, arrays in params.items():
        own = patterns_of(owner_of(part, owners), arrays)
        for name, array in arrays.items():
            fitting = (group for pattern, group in own.items() if fnmatchcase(name, pattern))
            group = next(fitting, Group())
            if spares and is_bias(name, array):
                group = Group(False, group.rate)
            if group != Group():
                stop = start + array.size
                place = Place(slice(start, stop), slice(kept, kept + array.size), group)
                found.append(place)
                kept += array.size
            start += array.size
    return found


def is_bias(name: str, array: Array) -> bool:
    """Whether a parameter is a bias: one column, and a name that begins with b."""
    return name.startswith("b") and array.shape[1:] in ((), (1,))


def patterns_of(component: Any, arrays: Mapping[str, Array]) -> Mapping[str, Group]:
    """The groups that a component names; PluginError for what is none, or fits no parameter."""
    if not isinstance(component, GroupedParameters):
        return {}
    with attributing():
        found: Any = component.parameter_groups()
    if not isinstance(found, Mapping):
        what = f"parameter_groups returned {type(found).__name__}, expected a mapping"
        raise contract_error("component", component, what)
    for pattern, group in found.items():
        if not isinstance(group, Group):
            what = f"parameter_groups: {pattern} is {type(group).__name__}, expected a Group"
            raise contract_error("component", component, what)
        if not any(fnmatchcase(name, pattern) for name in arrays):
            what = f"parameter_groups: {pattern} fits none of {', '.join(arrays)}"
            raise contract_error("component", component, what)
    return found


Update = Callable[[Parameters, Parameters, Params, float, int, Scratch], None]


def grouped(optimizer: Optimizer, places: list[Place]) -> BoundMethod:
    """The optimizer's update, by groups where there are some."""
    if not places:
        return BoundMethod(optimizer, "update")
    if isinstance(optimizer, GroupedOptimizer):
        return BoundMethod(optimizer, "update_groups", partial(_by_itself, places))
    return BoundMethod(optimizer, "update", partial(_by_the_core, places))


def _by_the_core(places: list[Place], update: Update) -> Update:
    size = places[-1].kept.stop

    def update_grouped(
        params: Parameters,
        grads: Parameters,
        state: Params,
        rate: float,
        step: int,
        scratch: Scratch,
    ) -> None:
        p = params.flat
        held = scratch.child("groups").array("held", (size,), p.dtype)
        for where, kept, group in places:
            held[kept] = p[where]
            if not group.decay:
                p[where] = 0
        update(params, grads, state, rate, step, scratch)
        p = params.flat
        for where, kept, group in places:
            moved = p[where]
            if group.decay:
                moved -= held[kept]
            if group.rate != 1:
                moved *= group.rate
            moved += held[kept]

    return update_grouped


def _by_itself(places: list[Place], update: Callable[..., None]) -> Update:
    made: dict[int, Groups] = {}  # by the number of parameters

    def update_groups(
        params: Parameters,
        grads: Parameters,
        state: Params,
        rate: float,
        step: int,
        scratch: Scratch,
    ) -> None:
        if params.size not in made:
            made[params.size] = _flat(params, places)
        update(params, grads, state, rate, step, scratch, made[params.size])

    return update_groups


def _flat(params: Parameters, places: list[Place]) -> Groups:
    groups = Groups(np.ones_like(params.flat), np.ones_like(params.flat))
    for where, _, group in places:
        groups.rates[where], groups.decays[where] = group.rate, float(group.decay)
    return groups
