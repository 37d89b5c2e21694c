"""What every schedule has to do: the checks of ScheduleSuite."""

from __future__ import annotations

import math

from rnnx.contracts.components import Schedule
from rnnx.testing.suite import expect, make_suite

STEPS = (1, 2, 3, 10, 99, 100, 101, 1000, 1999, 2000, 2001, 10**6)


def check_values(schedule: Schedule) -> None:
    """Every step from 1 on has a finite factor of at least 0, a float."""
    for step in STEPS:
        factor = schedule.factor(step)
        expect(isinstance(factor, float), f"factor({step}) is {type(factor).__name__}, not float")
        expect(
            math.isfinite(factor) and factor >= 0,
            f"factor({step}) = {factor}: must be finite and at least 0",
        )


def check_function_of_the_step(schedule: Schedule) -> None:
    """The same step gives the same factor, whatever was asked before."""
    forth = [schedule.factor(step) for step in STEPS]
    back = [schedule.factor(step) for step in reversed(STEPS)]
    for step, one, other in zip(STEPS, forth, reversed(back), strict=True):
        expect(one == other, f"factor({step}) was {one}, then {other}: it must not remember")


def check_begins(schedule: Schedule) -> None:
    """The first update moves something: factor(1) is above 0."""
    expect(schedule.factor(1) > 0, f"factor(1) = {schedule.factor(1)}: the first update is lost")


CHECKS = (check_values, check_function_of_the_step, check_begins)

ScheduleSuite = make_suite("schedule", CHECKS)
