"""The checks of ScheduleSuite: what every schedule must do."""

from __future__ import annotations

import math

import numpy as np

from rnnx.contracts.components import Schedule
from rnnx.testing.isolation import Results, isolation_checks, threads_check
from rnnx.testing.suite import expect, make_suite

STEPS = (*range(1, 3001), *(round(3000 * 1.3**k) for k in range(1, 75)))  # to about 10¹²


def exercise(schedule: Schedule, which: int) -> Results:
    """The factors of some steps."""
    return {f"factor({step})": float(schedule.factor(step)) for step in STEPS[which::29]}


check_process, check_history, check_other_process = isolation_checks(exercise)
check_threads = threads_check(exercise)


def check_values(schedule: Schedule) -> None:
    """The factor is a finite float of at least 0, for steps from 1 to 10¹²."""
    for step in STEPS:
        factor = schedule.factor(step)
        expect(isinstance(factor, float), f"factor({step}) is {type(factor).__name__}, not float")
        expect(
            math.isfinite(factor) and factor >= 0,
            f"factor({step}) = {factor}: must be finite and at least 0",
        )


def check_function_of_the_step(schedule: Schedule) -> None:
    """The factor depends on the step alone, not on earlier calls."""
    upward = [schedule.factor(step) for step in STEPS]
    order = np.random.default_rng(0).permutation(len(STEPS))
    for which in (range(len(STEPS) - 1, -1, -1), order.tolist()):
        for i in which:
            again = schedule.factor(STEPS[i])
            expect(
                again == upward[i],
                f"factor({STEPS[i]}) was {upward[i]}, then {again}: it depends on earlier calls",
            )


def check_begins(schedule: Schedule) -> None:
    """factor(1) is above 0, so that the first update moves the parameters."""
    expect(
        schedule.factor(1) > 0, f"factor(1) = {schedule.factor(1)}: the first update moves nothing"
    )


CHECKS = (
    check_values,
    check_function_of_the_step,
    check_begins,
    check_process,
    check_history,
    check_threads,
    check_other_process,
)

ScheduleSuite = make_suite("schedule", CHECKS)
