"""The kit's checks of optional abilities: right components pass, and each is broken in one way."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mutants import assert_all_caught, mutant

from rnnx.contracts.updates import Group
from rnnx.registry.validation import validate
from rnnx.testing import cells, clippers, heads, optimizers, schedules
from rnnx.testing.checks import kind_of
from rnnx.testing.suite import NotApplicable, conduct
from rnnx_builtin.cells.vanilla import Vanilla
from rnnx_builtin.clippers.adaptive import Adaptive
from rnnx_builtin.clippers.none import Unclipped
from rnnx_builtin.clippers.quantile import Quantile
from rnnx_builtin.clippers.value import Value
from rnnx_builtin.heads.softmax import Reduction, Softmax
from rnnx_builtin.optimizers.adamw import AdamW
from rnnx_builtin.optimizers.lion import Lion
from rnnx_builtin.optimizers.sgd import SGD
from rnnx_builtin.schedules.constant import Constant
from rnnx_builtin.schedules.plateau import Plateau


def by_array(p: Any, g: Any, rates: Any, decays: Any, rate: float) -> None:
    """LAMB without moments: a move as large as the array is, with 0.1 of it decayed."""
    start = 0
    for (_, w), (_, dw) in zip(p.leaves(), g.leaves(), strict=True):
        stop = start + w.size
        move = dw + 0.1 * decays[start:stop].reshape(w.shape) * w
        size = np.linalg.norm(move)
        move *= rate * rates[start:stop].reshape(w.shape) * np.linalg.norm(w) / (size or 1)
        np.subtract(w, move, out=w)
        start = stop


@dataclass(frozen=True)
class ByItself(SGD):
    """Depends on all parameters, and applies groups by itself."""

    def update(self, params, grads, state, rate, step, scratch):
        ones = np.ones_like(params.flat)
        by_array(params, grads, ones, ones, rate)

    def update_groups(self, params, grads, state, rate, step, scratch, groups):
        by_array(params, grads, groups.rates, groups.decays, rate)


@dataclass(frozen=True)
class Bounded(Vanilla):
    """Recurrent weights in ±0.9, which are not decayed."""

    def parameter_groups(self) -> Mapping[str, Group]:
        return {"Wh": Group(decay=False, rate=0.5), "b*": Group(decay=False)}

    def project_parameters(self, params: Any) -> None:
        np.clip(params["Wh"], -0.9, 0.9, out=params["Wh"])


@dataclass(frozen=True)
class BoundedHead(Softmax):
    def parameter_groups(self) -> Mapping[str, Group]:
        return {"by": Group(rate=2)}

    def project_parameters(self, params: Any) -> None:
        np.maximum(params["by"], -1, out=params["by"])


@pytest.mark.parametrize(
    ("module", "component", "names"),
    [
        (optimizers, ByItself(), ["check_groups"]),
        (optimizers, AdamW(weight_decay=0.5, decay_biases=False), ["check_groups"]),
        (cells, Bounded(), ["check_groups", "check_projection"]),
        (heads, BoundedHead(), ["check_groups", "check_projection"]),
        (heads, Softmax(Reduction.sequence), ["check_batches"]),
    ],
)
def test_a_component_with_abilities_passes(module: Any, component: Any, names: list[str]) -> None:
    for name in names:
        assert conduct(getattr(module, name), component)


def test_what_a_component_lacks_is_skipped() -> None:
    for check, component in (
        (cells.check_groups, Vanilla()),
        (heads.check_projection, Softmax()),
        (clippers.check_parameters, Value()),
        (clippers.check_state, Adaptive()),
        (schedules.check_metric, Constant()),
        (schedules.check_state, Constant()),
    ):
        with pytest.raises(NotApplicable):
            check(component)


def test_a_kind_is_known_by_its_abilities() -> None:
    assert [kind_of(c) for c in (Adaptive(), Quantile(), Plateau())] == [
        "clipper",
        "clipper",
        "schedule",
    ]


@dataclass(frozen=True)
class Half:
    """A clipper that lacks a method of its ability."""

    def clip_with_state(self, grads, norm, state, params):
        return False


def test_half_an_ability_does_not_stand_in_for_a_method() -> None:
    from rnnx.registry.registry import Entry, Owner

    entry = Entry("clipper", "half", Half, Owner("acme", "1.0", "x = y"))
    said = str(validate(entry, third_party=True))
    assert "has clip_with_state, and has no method init_state" in said and "else write clip" in said


def shown() -> dict[str, dict[str, Any]]:
    """The components that docs/howto/component.md shows, by the titles of their code."""
    page = (Path(__file__).parents[2] / "docs/howto/component.md").read_text("utf-8")
    blocks = re.findall(r'^```python title="(\w+)"\n(.*?)^```$', page, re.MULTILINE | re.DOTALL)
    made: dict[str, dict[str, Any]] = {}
    for title, code in blocks:
        exec(code, made.setdefault(title, {"__name__": __name__}))
    return made


@pytest.mark.parametrize(
    ("title", "name", "module"),
    [("clipper", "RunningMean", clippers), ("schedule", "Halving", schedules)],
)
def test_the_components_that_the_manual_shows_pass(title: str, name: str, module: Any) -> None:
    component = shown()[title][name]()
    for check in module.CHECKS:
        if check is not module.check_other_process:  # which cannot import it
            with suppress(NotApplicable):
                conduct(check, component)


def test_the_cell_that_the_manual_shows_is_as_it_says() -> None:
    cell, params = shown()["cell"]["Bounded"](), {"u": np.array([[2.0], [-0.5]])}
    assert cell.parameter_groups() == {"u": Group(False, 0.1)}
    cell.project_parameters(params)
    assert params["u"].tolist() == [[1.0], [-0.5]]


class FastDescent:
    """A compiled form, if it were one: ``error`` is added for each thread after the first."""

    def __init__(self, threads: int, error: float, scale: float) -> None:
        self.error, self.scale = error * (threads - 1), scale

    def update(self, params, grads, state, rate, step, scratch):
        params.flat -= np.asarray(rate * self.scale * grads.flat + self.error, params.flat.dtype)


@dataclass(frozen=True)
class Fast(SGD):
    error: float = 0.0
    scale: float = 1.0
    lacks: str = ""

    def compiled(self, threads: int) -> Any:
        return object() if self.lacks else FastDescent(threads, self.error, self.scale)


class FastClip:
    def clip(self, grads, norm):
        return False


@dataclass(frozen=True)
class FastValue(Value):
    def compiled(self, threads: int) -> Any:
        return FastClip()


@dataclass(frozen=True)
class FastUnclipped(Unclipped):
    def compiled(self, threads: int) -> Any:
        return FastClip()


def test_a_compiled_form_that_computes_the_same_passes() -> None:
    assert conduct(optimizers.check_compiled, Fast())
    assert conduct(clippers.check_compiled, FastUnclipped())
    for check, component in ((optimizers, Lion()), (clippers, Quantile())):
        with pytest.raises(NotApplicable):
            check.check_compiled(component)


# Optimizers


def by_the_size_of_all(right, p, g, s, rate, step, scratch):
    g.flat *= np.linalg.norm(p.flat)
    right(p, g, s, rate, step, scratch)


def without_decays(right, p, g, s, rate, step, scratch, groups):
    by_array(p, g, groups.rates, np.ones_like(groups.decays), rate)


def without_rates(right, p, g, s, rate, step, scratch, groups):
    by_array(p, g, np.ones_like(groups.rates), groups.decays, rate)


def towards_one(right, p, g, s, rate, step, scratch):
    right(p, g, s, rate, step, scratch)
    p.flat += 0.1 * rate * (1 - p.flat)


OPTIMIZERS = {
    "check_compiled": [Fast(error=1e-7), Fast(scale=1.001), Fast(lacks="update")],
    "check_groups": [
        mutant(SGD(), update=by_the_size_of_all),
        mutant(SGD(), update=towards_one),
        mutant(ByItself(), update_groups=without_decays),
        mutant(ByItself(), update_groups=without_rates),
    ],
}

# Cells and heads


def rebinds(right, params):
    name = "Wh" if "Wh" in params else "by"
    params[name] = np.clip(params[name], -0.9, 0.9)


def shrinks(right, params):
    for array in params.values():
        np.multiply(array, 0.9, out=array)


COUNT = [0]


def another_at_each_call(right):
    COUNT[0] += 1
    return {"Wh" if COUNT[0] % 2 else "Wx": Group()}


CELLS = {
    "check_groups": [
        mutant(Bounded(), parameter_groups=lambda right: {"Wq": Group()}),
        mutant(Bounded(), parameter_groups=lambda right: {"Wh": 0.5}),
        mutant(Bounded(), parameter_groups=lambda right: ["Wh"]),
        mutant(Bounded(), parameter_groups=another_at_each_call),
    ],
    "check_projection": [
        mutant(Bounded(), project_parameters=rebinds),
        mutant(Bounded(), project_parameters=shrinks),
        mutant(Bounded(), project_parameters=lambda right, params: None),
        mutant(Bounded(), project_parameters=lambda right, params: params["b"].fill(np.nan)),
    ],
}
HEADS = {
    "check_groups": [mutant(BoundedHead(), parameter_groups=lambda right: {"b": Group()})],
    "check_projection": [mutant(BoundedHead(), project_parameters=rebinds)],
    "check_batches": [
        mutant(Softmax(), batch_weight=lambda right, tokens, columns: columns),
        mutant(Softmax(Reduction.sequence), batch_weight=lambda right, tokens, columns: 1.0),
        mutant(Softmax(), batch_weight=lambda right, tokens, columns: 0.0),
    ],
}

# Clippers


def writes_parameters(right, grads, norm, params):
    params.flat *= 0.5
    return right(grads, norm, params)


def by_the_limit_alone(right, grads, norm, params):
    ones = params.copy()
    ones.flat[:] = 1
    return right(grads, norm, ones)


def replaces_norms(right, grads, norm, state, params):
    state["norms"] = state["norms"].copy()
    return right(grads, norm, state, params)


NORMS: list[float] = []


def counts_elsewhere(right, grads, norm, state, params):
    NORMS.append(norm)
    state["norms"][...] = NORMS[-1000:] + [0.0] * (1000 - len(NORMS[-1000:]))
    state["count"][0] = len(NORMS)
    return right(grads, norm, state, params)


def forgets(right, grads, norm, state, params):
    fresh = {name: np.zeros_like(array) for name, array in state.items()}
    return right(grads, norm, fresh, params)


def decays_parameters(right, grads, norm, state, params):
    params.flat *= 0.5
    return right(grads, norm, state, params)


def with_names(right, params):
    return {**right(params), "names": np.array(["a"])}


CLIPPERS = {
    "check_compiled": [FastValue()],
    "check_parameters": [
        mutant(Adaptive(), clip_by_parameters=writes_parameters),
        mutant(Adaptive(), clip_by_parameters=by_the_limit_alone),
        mutant(Quantile(), clip_with_state=decays_parameters),
    ],
    "check_state": [
        mutant(Quantile(), clip_with_state=replaces_norms),
        mutant(Quantile(), clip_with_state=counts_elsewhere),
        mutant(Quantile(), clip_with_state=forgets),
        mutant(Quantile(), init_state=with_names),
    ],
}

# Schedules


def whichever_is_better(right, state, value, higher_is_better):
    right(state, value, False)


def deaf(right, state, value, higher_is_better):
    pass


VALUES: list[float] = []


def remembers_elsewhere(right, state, value, higher_is_better):
    VALUES.append(value)
    state["factor"][0] = 0.5 ** (len(VALUES) % 5)


def replaces_best(right, state, value, higher_is_better):
    right(state, value, higher_is_better)
    state["best"] = state["best"].copy()


def writes_state(right, step, state):
    state["worse"] += 1
    return right(step, state)


SCHEDULES = {
    "check_metric": [
        mutant(Plateau(), evaluated=whichever_is_better),
        mutant(Plateau(), evaluated=deaf),
    ],
    "check_state": [
        mutant(Plateau(), evaluated=remembers_elsewhere),
        mutant(Plateau(), evaluated=replaces_best),
        mutant(Plateau(), factor_with_state=writes_state),
    ],
}


@pytest.mark.parametrize(
    ("module", "wrong"),
    [
        (optimizers, OPTIMIZERS),
        (cells, CELLS),
        (heads, HEADS),
        (clippers, CLIPPERS),
        (schedules, SCHEDULES),
    ],
)
def test_a_component_that_is_wrong_in_one_way_fails(module: Any, wrong: Any) -> None:
    assert_all_caught(module, wrong)
