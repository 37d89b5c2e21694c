"""The built-in schedules against their formulas, and the kit that checks them."""

import json
import math
from pathlib import Path

import pytest
from mutants import assert_all_caught, mutant

from rnnx.errors import ConfigError
from rnnx.testing import ScheduleSuite, schedules
from rnnx_builtin.schedules.constant import Constant
from rnnx_builtin.schedules.cosine import Cosine
from rnnx_builtin.schedules.exponential import Exponential
from rnnx_builtin.schedules.inverse_time import InverseTime
from rnnx_builtin.schedules.one_cycle import OneCycle
from rnnx_builtin.schedules.plateau import Plateau
from rnnx_builtin.schedules.step import Step

OPTAX = json.loads((Path(__file__).parents[1] / "golden/optax.json").read_text())


class TestAll(ScheduleSuite):
    components = (
        Constant(),
        InverseTime(),
        Step(),
        Exponential(),
        Cosine(),
        Cosine(warmup=100, floor=0.1),
        OneCycle(),
    )


class TestPlateau(ScheduleSuite):
    components = (Plateau(), Plateau(patience=0, cooldown=2, floor=0.1))


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
        (OneCycle(steps=10, rise=0.5), 1, 0.04),
        (OneCycle(steps=10, rise=0.5), 3, 0.52),
        (OneCycle(steps=10, rise=0.5), 5, 1.0),
        (OneCycle(steps=10, rise=0.5, floor=0.2), 10, 0.2),
        (OneCycle(steps=10, rise=0.5, floor=0.2), 99, 0.2),
    ],
)
def test_a_factor_is_the_formula_s(schedule: object, step: int, expected: float) -> None:
    assert schedule.factor(step) == pytest.approx(expected, abs=1e-12)


def test_one_cycle_is_optax_s() -> None:
    schedule = OneCycle(steps=101, rise=31 / 101)  # the peak is at update 31, the floor at 101
    for k, expected in enumerate(OPTAX["one_cycle"]):
        assert schedule.factor(k + 1) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("key", "schedule"),
    [
        ("1,0,0", Plateau(0.5, patience=0, threshold=1e-2)),
        ("2,2,0.3", Plateau(0.5, patience=1, threshold=1e-2, cooldown=2, floor=0.3)),
    ],
)
def test_plateau_is_optax_s(key: str, schedule: Plateau) -> None:
    state = schedule.init_state()
    for value, expected in zip(OPTAX["metric"], OPTAX["plateau"][key], strict=True):
        schedule.evaluated(state, value, False)
        assert schedule.factor_with_state(1, state) == pytest.approx(expected, rel=1e-12)


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
        lambda: OneCycle(steps=1),
        lambda: OneCycle(steps=10, rise=0.1),
        lambda: OneCycle(rise=1.0),
        lambda: OneCycle(start=0.0),
        lambda: OneCycle(floor=1.0),
        lambda: Plateau(gamma=1.0),
        lambda: Plateau(patience=-1),
        lambda: Plateau(threshold=1.0),
        lambda: Plateau(cooldown=-1),
        lambda: Plateau(floor=-0.1),
    ],
)
def test_ranges(make: object) -> None:
    with pytest.raises(ConfigError, match="must be"):
        make()
