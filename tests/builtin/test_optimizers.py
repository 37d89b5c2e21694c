"""The built-in optimizers against their formulas, and the kit that checks them."""

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from mutants import assert_all_caught, mutant

from rnnx.contracts.buffers import Parameters, Scratch
from rnnx.errors import ConfigError
from rnnx.testing import OptimizerSuite, optimizers
from rnnx_builtin.optimizers.adagrad import AdaGrad
from rnnx_builtin.optimizers.adam import Adam
from rnnx_builtin.optimizers.adamw import AdamW
from rnnx_builtin.optimizers.lion import Lion
from rnnx_builtin.optimizers.momentum import Momentum
from rnnx_builtin.optimizers.nadam import NAdam
from rnnx_builtin.optimizers.radam import RAdam
from rnnx_builtin.optimizers.rmsprop import RMSProp
from rnnx_builtin.optimizers.sgd import SGD

OPTAX = json.loads((Path(__file__).parents[1] / "golden/optax.json").read_text())


class TestSGD(OptimizerSuite):
    component = SGD()


class TestMomentum(OptimizerSuite):
    components = (Momentum(), Momentum(nesterov=True))


class TestRMSProp(OptimizerSuite):
    component = RMSProp()


class TestAdaGrad(OptimizerSuite):
    component = AdaGrad()


class TestAdam(OptimizerSuite):
    component = Adam()


class TestAdamW(OptimizerSuite):
    component = AdamW()


class TestKinOfAdam(OptimizerSuite):
    components = (NAdam(), RAdam())


class TestLion(OptimizerSuite):
    components = (Lion(), Lion(weight_decay=0.1))


def sgd(p, gs, rate):
    for g in gs:
        p = p - rate * g
    return p


def momentum(p, gs, rate):
    v = 0
    for g in gs:
        v = 0.8 * v + g
        p = p - rate * v
    return p


def nesterov(p, gs, rate):
    v = 0
    for g in gs:
        v = 0.8 * v + g
        p = p - rate * (g + 0.8 * v)
    return p


def rmsprop(p, gs, rate):
    s = 0
    for g in gs:
        s = 0.9 * s + 0.1 * g**2
        p = p - rate * g / (np.sqrt(s) + 1e-6)
    return p


def adagrad(p, gs, rate):
    s = 0
    for g in gs:
        s = s + g**2
        p = p - rate * g / (np.sqrt(s) + 1e-8)
    return p


def adam(p, gs, rate, decay=0.0):
    m = v = 0
    for t, g in enumerate(gs, 1):
        p = p - rate * decay * p
        m, v = 0.7 * m + 0.3 * g, 0.95 * v + 0.05 * g**2
        p = p - rate * (m / (1 - 0.7**t)) / (np.sqrt(v / (1 - 0.95**t)) + 1e-5)
    return p


def adamw(p, gs, rate):
    return adam(p, gs, rate, decay=0.3)


@pytest.mark.parametrize(
    ("optimizer", "formula"),
    [
        (SGD(), sgd),
        (Momentum(momentum=0.8), momentum),
        (Momentum(momentum=0.8, nesterov=True), nesterov),
        (RMSProp(decay=0.9, epsilon=1e-6), rmsprop),
        (AdaGrad(), adagrad),
        (Adam(beta1=0.7, beta2=0.95, epsilon=1e-5), adam),
        (AdamW(beta1=0.7, beta2=0.95, epsilon=1e-5, weight_decay=0.3), adamw),
    ],
)
def test_several_steps_are_the_formula_s(optimizer: object, formula: object) -> None:
    rng = np.random.default_rng(0)
    begin, gs = rng.normal(size=10), rng.normal(size=(6, 10))
    params = Parameters({"a": {"W": begin[:4]}, "b": {"W": begin[4:]}})
    state, scratch = optimizer.init(params), Scratch()
    for step, g in enumerate(gs, 1):
        grads = params.zeros_like()
        grads.flat[:] = g
        optimizer.update(params, grads, state, 0.05, step, scratch)
    np.testing.assert_allclose(params.flat, formula(begin, gs, 0.05), rtol=1e-12)


@pytest.mark.parametrize(
    ("optimizer", "name"),
    [
        (NAdam(beta1=0.7, beta2=0.95, epsilon=1e-5), "nadam"),
        (RAdam(beta1=0.7, beta2=0.95, epsilon=1e-5), "radam"),
        (Lion(beta1=0.7, beta2=0.95, weight_decay=0.3), "lion"),
    ],
)
def test_several_steps_are_those_of_optax(optimizer: object, name: str) -> None:
    params = Parameters({"a": {"W": np.array(OPTAX["begin"])}})
    state, scratch = optimizer.init(params), Scratch()
    steps = zip(OPTAX["gradients"], OPTAX["descents"][name], strict=True)
    for step, (gradient, expected) in enumerate(steps, 1):
        grads = Parameters({"a": {"W": np.array(gradient)}})
        optimizer.update(params, grads, state, 0.05, step, scratch)
        np.testing.assert_allclose(params.flat, expected, rtol=1e-11)


def test_adam_s_first_step_is_the_rate() -> None:
    params = Parameters({"a": {"W": np.zeros(3)}})
    grads = Parameters({"a": {"W": np.array([1e-3, -5.0, 200.0])}})
    Adam().update(params, grads, Adam().init(params), 0.01, 1, Scratch())
    np.testing.assert_allclose(params.flat, [-0.01, 0.01, -0.01], rtol=1e-4)


def test_the_kit_catches_each_fault() -> None:
    def climbs(right, p, g, s, rate, step, scratch):
        p.flat += rate * g.flat

    def own_rate(right, p, g, s, rate, step, scratch):
        p.flat -= 0.01 * g.flat

    def replaces(right, p, g, s, rate, step, scratch):
        p.flat = p.flat - rate * g.flat

    hidden: dict[int, float] = {}

    def remembers(right, p, g, s, rate, step, scratch):
        hidden[0] = hidden.get(0, 0.0) + 0.1
        p.flat -= rate * hidden[0] * g.flat

    def divides(right, p, g, s, rate, step, scratch):
        with np.errstate(all="ignore"):
            p.flat -= rate * g.flat / np.abs(g.flat)

    def grows(right, p, g, s, rate, step, scratch):
        s["m"] = 0.9 * s["m"]
        right(p, g, s, rate, step, scratch)

    assert_all_caught(
        optimizers,
        {
            "check_descends": [mutant(SGD(), update=climbs)],
            "check_first_step": [mutant(SGD(), update=climbs)],
            "check_in_place": [
                mutant(SGD(), update=replaces),
                mutant(Adam(), update=grows),
                mutant(Adam(), init=lambda right, p: right(p) | {"n": np.array([p], object)}),
            ],
            "check_rate": [mutant(SGD(), update=own_rate)],
            "check_state_round_trip": [mutant(SGD(), update=remembers)],
            "check_entries_are_finite": [mutant(SGD(), update=divides)],
        },
    )


POSITIVE, FRACTION = (0.0, -1.0, np.inf, np.nan), (-0.1, 1.0, np.nan)
INVALID = dict.fromkeys(("learning_rate", "epsilon"), POSITIVE) | dict.fromkeys(
    ("momentum", "decay", "beta1", "beta2", "weight_decay"), FRACTION
)


@pytest.mark.parametrize("cls", [SGD, Momentum, RMSProp, AdaGrad, Adam, AdamW, NAdam, RAdam, Lion])
def test_every_number_has_its_range(cls: type) -> None:
    for field in fields(cls):
        if field.type != "bool":
            for value in INVALID[field.name]:
                with pytest.raises(ConfigError, match=f"^{field.name}={value}: must be "):
                    cls(**{field.name: value})
