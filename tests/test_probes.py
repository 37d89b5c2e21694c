"""The built-in probe, and the kit that checks it."""

import numpy as np
from mutants import assert_all_caught, mutant
from rnnx_builtin.probes import GradientNorms

from rnnx.records import Findings
from rnnx.testing import ProbeSuite, probes


class TestGradientNorms(ProbeSuite):
    component = GradientNorms()


def test_norms_are_those_of_each_parameter() -> None:
    seen = probes._observation()
    found = GradientNorms().observe(seen)
    expected = np.sqrt(np.sum(seen.grads["layer0"]["Wh"] ** 2))
    np.testing.assert_allclose(found.figures["gradients/layer0.Wh"], expected)


def test_the_kit_catches_each_fault() -> None:
    right = GradientNorms()

    def damages(inner, seen):
        seen.grads.flat[:] = 0
        return inner(seen)

    zero = mutant(right)
    object.__setattr__(zero, "every", 0)
    assert_all_caught(
        probes,
        {
            "check_findings": [
                mutant(right, observe=lambda inner, seen: Findings({}, {})),
                mutant(right, observe=lambda inner, seen: Findings({"a b": 1.0}, {})),
                mutant(right, observe=lambda inner, seen: Findings({"a": 1}, {})),
                mutant(right, observe=lambda inner, seen: Findings({}, {"a": b"GIF89a"})),
                mutant(right, observe=lambda inner, seen: Findings({}, {"../A": b""})),
            ],
            "check_changes_nothing": [mutant(right, observe=damages)],
            "check_determinism": [
                mutant(right, observe=lambda inner, s: Findings({"a": np.random.rand()}, {}))
            ],
            "check_every": [zero],
        },
    )
