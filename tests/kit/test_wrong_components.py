"""Components that pass a gradient check and train wrongly, kind by kind: a named check fails."""

from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from mutants import assert_all_caught, mutant
from wrong_outputs import HEADS, SAMPLERS, TARGET_HEADS
from wrong_targets import TARGETS
from wrong_updates import CLIPPERS, INITIALIZERS, OPTIMIZERS, SCHEDULES
from wrong_views import DATASETS, PROBES, Concluding

from rnnx.contracts.probes import Findings
from rnnx.testing import (
    CHECKS,
    clippers,
    datasets,
    heads,
    initializers,
    optimizers,
    probes,
    samplers,
    schedules,
    target_heads,
)
from rnnx.testing.suite import CheckFailed, NotApplicable, conduct
from rnnx_builtin.optimizers.momentum import Momentum
from rnnx_builtin.optimizers.sgd import SGD
from rnnx_builtin.probes.gradient_norms import GradientNorms

WRONG: dict[str, tuple[ModuleType, dict[str, list[Any]]]] = {
    "dataset": (datasets, DATASETS | TARGETS),
    "initializer": (initializers, INITIALIZERS),
    "head": (heads, HEADS),
    "head of other targets": (target_heads, TARGET_HEADS),
    "clipper": (clippers, CLIPPERS),
    "optimizer": (optimizers, OPTIMIZERS),
    "schedule": (schedules, SCHEDULES),
    "sampler": (samplers, SAMPLERS),
    "probe": (probes, PROBES),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_component_fails_a_named_check(kind: str) -> None:
    assert_all_caught(*WRONG[kind])


@pytest.mark.parametrize("kind", CHECKS)
def test_every_check_has_a_wrong_component(kind: str) -> None:
    """Here, in the cells' tests, or beside the tests of the built-in components."""
    tests = Path(__file__).parents[1]
    files = [*tests.glob(f"builtin/test_{kind}s.py"), *Path(__file__).parent.glob("*.py")]
    text = "\n".join(file.read_text("utf-8") for file in files)
    # The same function for all kinds, and what has a test of its own: test_golden.py.
    shared = {"check_other_process", "check_threads", "check_golden"}
    for check in CHECKS[kind]:
        assert check.__name__ in shared or f'"{check.__name__}": [' in text, check.__name__


def nan_metric(right, seen):
    return Findings({"a": float("nan")})


@pytest.mark.parametrize("probe", [Concluding(), mutant(GradientNorms(), observe=nan_metric)])
def test_a_probe_may_only_conclude_and_find_nothing_but_nan(probe: Any) -> None:
    passes(probe, [check for check in probes.CHECKS if check is not probes.check_conclusion])


def float64_state(right, params):
    return {name: array.astype(np.float64) for name, array in right(params).items()}


def test_an_optimizer_may_keep_a_state_of_float64() -> None:
    passes(mutant(Momentum(), init=float64_state), optimizers.CHECKS)


def passes(component: Any, checks: Any) -> None:
    for check in checks:
        try:
            conduct(check, component)
        except NotApplicable:
            continue


def test_a_component_keeps_no_state_in_its_fields() -> None:
    @dataclass(frozen=True)
    class Counting(SGD):
        calls: list[int] = field(default_factory=lambda: [0], hash=False)

        def update(self, *args: Any) -> None:
            self.calls[0] += 1
            super().update(*args)

    with pytest.raises(CheckFailed, match="field calls"):
        optimizers.check_process(Counting())
