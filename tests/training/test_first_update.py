"""Clippers, schedules and optimizers that do what they must not are named in the first update."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from rnnx.config.compose import compose
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.contracts.execution import NUMPY
from rnnx.errors import PluginError
from rnnx.registry.update_checks import CheckedUpdate
from rnnx.registry.updates import UpdateRules
from rnnx.testing import clippers, optimizers, schedules
from rnnx.testing.suite import CheckFailed
from rnnx.training.session import Session
from rnnx_builtin.optimizers.sgd import SGD


@dataclass(frozen=True)
class Clip:
    """A clipper with state that does what a test says."""

    act: Any = lambda grads, state, params: None
    answer: Any = False
    state: Any = None

    def init_state(self, params: Parameters) -> Any:
        return {"a": np.zeros(1)} if self.state is None else self.state

    def clip_with_state(self, grads: Any, norm: float, state: Any, params: Any) -> Any:
        self.act(grads, state, params)
        return self.answer


@dataclass(frozen=True)
class Plain:
    answer: Any = False

    def clip(self, grads: Parameters, norm: float) -> Any:
        return self.answer


@dataclass(frozen=True)
class Half:
    """A schedule with state that does what a test says."""

    act: Any = lambda state: None
    note: Any = lambda state: None
    value: float = 0.5

    def init_state(self) -> Any:
        return {"a": np.zeros(1)}

    def evaluated(self, state: Any, value: float, higher_is_better: bool) -> None:
        self.note(state)

    def factor_with_state(self, step: int, state: Any) -> float:
        self.act(state)
        return self.value


@dataclass(frozen=True)
class Step(SGD):
    act: Any = lambda params, state: None

    def init(self, params: Any) -> Any:
        return {"m": np.zeros(3)}

    def update(self, params: Any, grads: Any, state: Any, *rest: Any) -> None:
        self.act(params, state)


def rules(clipper: Any = Plain(), schedule: Any = Half(), optimizer: Any = Step()) -> Any:
    params = Parameters({"layer0": {"W": np.ones(3)}}, np.float64)
    return params, UpdateRules(clipper, schedule, optimizer, {}, params)


def update(**parts: Any) -> tuple[bool, float]:
    params, made = rules(**parts)
    grads = Parameters({"layer0": {"W": np.full(3, 2.0)}}, np.float64)
    return CheckedUpdate(made.parts, NUMPY)(params, grads, 12**0.5, 1, Scratch())


def put(name: str) -> Any:
    return lambda *given: given[-1].__setitem__(name, np.ones(1))


def put_in_clip(name: str) -> Any:
    return lambda grads, state, params: state.__setitem__(name, np.ones(1))


def fill(index: int, value: float) -> Any:
    def act(*given: Any) -> None:
        array = given[index]
        (array["a"] if isinstance(array, dict) and "a" in array else array.flat)[...] = value

    return act


WRONG = {
    "state replaced": (
        {"clipper": Clip(put_in_clip("a"))},
        "Clip: clip_with_state: replaced state a",
    ),
    "state added": ({"clipper": Clip(put_in_clip("b"))}, "Clip: clip_with_state: added state b"),
    "state removed": (
        {"clipper": Clip(lambda grads, state, params: state.clear())},
        "Clip: clip_with_state: removed state a",
    ),
    "parameters": ({"clipper": Clip(fill(2, 3.0))}, "clip_with_state: changed the parameters"),
    "nan": (
        {"clipper": Clip(fill(0, np.nan))},
        "Clip: clip_with_state: the gradient is not finite",
    ),
    "no answer": (
        {"clipper": Plain(None)},
        r"Plain: clip\(\) returned None, expected True or False",
    ),
    "a text": (
        {"clipper": Clip(answer="yes")},
        r"clip_with_state\(\) returned 'yes', expected True",
    ),
    "factor": (
        {"schedule": Half(value=-1)},
        r"Half: factor_with_state\(1\) returned -1, expected a",
    ),
    "written": ({"schedule": Half(fill(0, 1.0))}, "Half: factor_with_state: changed state a"),
    "schedule": ({"schedule": Half(put("b"))}, "Half: factor_with_state: added state b"),
    "optimizer": ({"optimizer": Step(act=put("m"))}, "Step: update: replaced state m"),
    "nan update": ({"optimizer": Step(act=fill(0, np.nan))}, "Step: update: parameters are nan"),
    "object": (
        {"clipper": Clip(state={"a": np.array([None])})},
        "Clip: init_state: a is object, which a checkpoint cannot keep",
    ),
    "list": (
        {"clipper": Clip(state={"a": [0.0]})},
        "Clip: init_state: a is list, expected an array",
    ),
    "none": ({"clipper": Clip(state=7)}, "Clip: init_state: returned int, expected a dict"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_part_of_an_update_is_named(case: str) -> None:
    parts, told = WRONG[case]
    with pytest.raises(PluginError, match=told):
        update(**parts)


def test_right_parts_are_left_alone() -> None:
    assert update() == (False, 0.005)
    assert update(clipper=Clip(fill(1, 4.0), np.bool_(True)))[0] is True


def test_an_evaluation_that_exchanges_the_state_is_named() -> None:
    _, made = rules(schedule=Half(note=put("a")))
    with pytest.raises(PluginError, match="Half: evaluated: replaced state a"):
        made.evaluated(1.0, False)


def test_a_clipper_that_makes_nan_later_is_named() -> None:
    session = Session(
        compose(["backend=numpy", "cell.hidden_size=3", "batch_size=2", "tracker=none"])
    )
    for _ in range(2):
        session.step()

    def clip(grads: Parameters, norm: float) -> bool:
        grads.flat[:] = np.nan
        return True

    session._update._clip = clip
    session.step()
    name = session.config["clipper"]["name"]
    with pytest.raises(
        PluginError, match=f"^clipper {name} .*: clip.*: the gradient is not finite"
    ):
        session.step()


def test_the_kit_says_what_is_no_state_and_no_answer() -> None:
    told = "init_state: a is list, expected an array"
    with pytest.raises(CheckFailed, match=told):
        clippers.check_state(Clip(state={"a": [0.0]}))
    with pytest.raises(CheckFailed, match="clip returned 'yes', expected True or False"):
        clippers.check_answer(Plain("yes"))

    class Lists(Half):
        def init_state(self) -> Any:
            return {"a": [0.0]}

    class Numbers(Step):
        def init(self, params: Any) -> Any:
            return {"m": 0.0}

    with pytest.raises(CheckFailed, match=told):
        schedules.check_state(Lists())
    with pytest.raises(CheckFailed, match="init: m is float, expected an array"):
        optimizers.check_in_place(Numbers())
