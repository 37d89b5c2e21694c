"""The checks of ScheduleSuite: what every schedule must do."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rnnx.arrays import Params
from rnnx.contracts.updates import MonitoringSchedule
from rnnx.testing.isolation import Results, isolation_checks, threads_check
from rnnx.testing.states import fresh_state
from rnnx.testing.suite import NotApplicable, expect, make_suite

STEPS = (*range(1, 3001), *(round(3000 * 1.3**k) for k in range(1, 75)))  # to about 10¹²
BETTER = tuple(3.0 * 0.9**k for k in range(200))  # values of a metric that falls
WORSE = tuple(3.0 + 0.1 * k for k in range(200))
ODD = (math.nan, math.inf, -math.inf, 0.0, 1e300, -1e300, math.nan, 5.0)


def _factor(schedule: Any, values: Sequence[float] = ()) -> Callable[[int], float]:
    """The factor as a function of the step, after evaluations that gave ``values``."""
    if not isinstance(schedule, MonitoringSchedule):
        found: Callable[[int], float] = schedule.factor
        return found
    state = _followed(schedule, values)
    return lambda step: schedule.factor_with_state(step, state)


def _followed(schedule: Any, values: Sequence[float], sign: int = 1) -> Params:
    """The state after evaluations; with ``sign`` −1 of minus the metric, where higher is better."""
    state = fresh_state(schedule, "init_state")
    for value in values:
        schedule.evaluated(state, sign * value, sign < 0)
    return state


def exercise(schedule: Any, which: int) -> Results:
    """The factors of some steps."""
    factor = _factor(schedule, WORSE[: 10 * which])
    return {f"factor({step})": float(factor(step)) for step in STEPS[which::29]}


check_process, check_history, check_other_process = isolation_checks(exercise)
check_threads = threads_check(exercise)


def check_values(schedule: Any) -> None:
    """The factor is a finite float of at least 0, for steps from 1 to 10¹² and any metric."""
    for values in ((), BETTER, WORSE, ODD, ODD[::-1]):
        factor_of = _factor(schedule, values)
        for step in STEPS:
            factor = factor_of(step)
            told = f"factor({step}) is {type(factor).__name__}, not float"
            expect(isinstance(factor, float), told)
            expect(
                math.isfinite(factor) and factor >= 0,
                f"factor({step}) = {factor}: must be finite and at least 0",
            )
        if not isinstance(schedule, MonitoringSchedule):
            return


def check_function_of_the_step(schedule: Any) -> None:
    """The factor depends on the step, and the metric, alone, not on earlier calls."""
    factor = _factor(schedule, WORSE[:30])
    upward = [factor(step) for step in STEPS]
    order = np.random.default_rng(0).permutation(len(STEPS))
    for which in (range(len(STEPS) - 1, -1, -1), order.tolist()):
        for i in which:
            again = factor(STEPS[i])
            expect(
                again == upward[i],
                f"factor({STEPS[i]}) was {upward[i]}, then {again}: it depends on earlier calls",
            )


def check_begins(schedule: Any) -> None:
    """factor(1) is above 0, so that the first update moves the parameters."""
    first = _factor(schedule)(1)
    expect(first > 0, f"factor(1) = {first}: the first update moves nothing")


def check_metric(schedule: Any) -> None:
    """A schedule that follows the metric does so, whichever direction of it is better."""
    if not isinstance(schedule, MonitoringSchedule):
        raise NotApplicable("the schedule follows no metric")
    differs = False
    for count in range(1, len(WORSE)):
        better, worse = (_factor(schedule, v[:count])(count) for v in (BETTER, WORSE))
        differs |= better != worse
        for values in (BETTER, WORSE):
            down, up = (_followed(schedule, values[:count], sign) for sign in (1, -1))
            one, other = (schedule.factor_with_state(count, state) for state in (down, up))
            expect(
                one == other,
                f"after {count} evaluations the factor is {one}, and {other} for minus the metric, "
                "of which higher is better",
            )
        if differs and count > 30:
            break
    expect(differs, "evaluations that get better and ones that get worse give the same factors")


def check_state(schedule: Any) -> None:
    """State changes in place, only when a metric comes, and is all that is kept between two."""
    if not isinstance(schedule, MonitoringSchedule):
        raise NotApplicable("the schedule has no state")
    state = fresh_state(schedule, "init_state")
    arrays = dict(state)
    for k, value in enumerate([*WORSE[:40], *BETTER[:40], *ODD]):
        copy = {name: array.copy() for name, array in state.items()}
        schedule.factor_with_state(k + 1, state)
        for name, array in state.items():
            kept = np.array_equal(array, copy[name], equal_nan=True)
            expect(kept, f"factor_with_state: changed state {name}")
        schedule.evaluated(state, value, False)
        _followed(schedule, WORSE[: k % 7])
        schedule.evaluated(copy, value, False)
        one, other = (schedule.factor_with_state(k + 1, of) for of in (state, copy))
        told = f"continuing from a copy gives the factor {other} in place of {one}"
        expect(one == other, f"{told}: something is kept elsewhere")
    for name, array in arrays.items():
        expect(state.get(name) is array, f"state {name} was replaced; change it in place")
        told = f"state {name} is {array.dtype}, which a checkpoint cannot keep"
        expect(array.dtype.kind in "fiu", told)
    expect(state.keys() == arrays.keys(), "evaluated: added or removed a part of the state")


CHECKS = (
    check_values,
    check_function_of_the_step,
    check_begins,
    check_metric,
    check_state,
    check_process,
    check_history,
    check_threads,
    check_other_process,
)

ScheduleSuite = make_suite("schedule", CHECKS)
