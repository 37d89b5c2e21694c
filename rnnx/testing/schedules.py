"""The checks of ScheduleSuite: what every schedule must do."""

from __future__ import annotations

import math

from rnnx.contracts.components import Schedule
from rnnx.testing.suite import expect, make_suite

STEPS = (1, 2, 3, 10, 99, 100, 101, 1000, 1999, 2000, 2001, 10**6)


def check_values(schedule: Schedule) -> None:
    """The factor of every step from 1 on is a finite float of at least 0."""
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
    downward = [schedule.factor(step) for step in reversed(STEPS)]
    for step, one, other in zip(STEPS, upward, reversed(downward), strict=True):
        expect(one == other, f"factor({step}) was {one}, then {other}: it depends on earlier calls")


def check_begins(schedule: Schedule) -> None:
    """factor(1) is above 0, so that the first update moves the parameters."""
    expect(
        schedule.factor(1) > 0, f"factor(1) = {schedule.factor(1)}: the first update moves nothing"
    )


CHECKS = (check_values, check_function_of_the_step, check_begins)

ScheduleSuite = make_suite("schedule", CHECKS)
