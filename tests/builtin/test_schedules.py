"""The built-in schedules against their formulas, and the kit that checks them."""

import math

import pytest
from mutants import assert_all_caught, mutant

from rnnx.errors import ConfigError
from rnnx.testing import ScheduleSuite, schedules
from rnnx_builtin.schedules import Constant, Cosine, Exponential, InverseTime, Step


class TestAll(ScheduleSuite):
    components = (
        Constant(),
        InverseTime(),
        Step(),
        Exponential(),
        Cosine(),
        Cosine(warmup=100, floor=0.1),
    )


@pytest.mark.parametrize(
    ("schedule", "step", "expected"),
    [
        (Constant(), 10**6, 1.0),
        (InverseTime(decay=0.5), 1, 1.0),
        (InverseTime(decay=0.5), 5, 1 / 3),
        (Step(every=10, gamma=0.5), 10, 1.0),
        (Step(every=10, gamma=0.5), 11, 0.5),
        (Step(every=10, gamma=0.5), 31, 0.125),
        (Exponential(half_life=100), 1, 1.0),
        (Exponential(half_life=100), 101, 0.5),
        (Exponential(half_life=100), 301, 0.125),
        (Cosine(steps=101), 1, 1.0),
        (Cosine(steps=101), 51, 0.5),
        (Cosine(steps=101), 101, 0.0),
        (Cosine(steps=101), 999, 0.0),
        (Cosine(steps=100, warmup=10), 1, 0.1),
        (Cosine(steps=100, warmup=10), 5, 0.5),
        (Cosine(steps=100, warmup=10), 10, 1.0),
        (Cosine(steps=100, warmup=10), 55, 0.5),
        (Cosine(steps=100, floor=0.2), 100, 0.2),
    ],
)
def test_a_factor_is_the_formula_s(schedule: object, step: int, expected: float) -> None:
    assert schedule.factor(step) == pytest.approx(expected, abs=1e-12)


def test_the_kit_catches_each_fault() -> None:
    calls: list[int] = []

    def remembers(right, step):
        calls.append(step)
        return 1.0 / len(calls)

    assert_all_caught(
        schedules,
        {
            "check_values": [
                mutant(Constant(), factor=lambda right, step: -1.0),
                mutant(Constant(), factor=lambda right, step: 1),
                mutant(Constant(), factor=lambda right, step: math.nan),
            ],
            "check_function_of_the_step": [mutant(Constant(), factor=remembers)],
            "check_begins": [mutant(Constant(), factor=lambda right, step: 0.0)],
        },
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: Cosine(steps=10, warmup=10),
        lambda: Cosine(steps=1),
        lambda: Cosine(floor=1.0),
        lambda: Step(gamma=0.0),
        lambda: Step(every=0),
        lambda: Exponential(half_life=0.0),
        lambda: InverseTime(decay=-1.0),
    ],
)
def test_ranges(make: object) -> None:
    with pytest.raises(ConfigError, match="must be"):
        make()
