"""The built-in samplers against their distributions, and the kit that checks them."""

import numpy as np
import pytest
from mutants import assert_all_caught, mutant

from rnnx.errors import ConfigError
from rnnx.testing import SamplerSuite, chi_square, samplers
from rnnx_builtin.samplers.categorical import Categorical
from rnnx_builtin.samplers.greedy import Greedy
from rnnx_builtin.samplers.top_k import TopK
from rnnx_builtin.samplers.top_p import TopP


class TestAll(SamplerSuite):
    components = (
        Categorical(),
        Categorical(temperature=0.5),
        Greedy(),
        TopK(),
        TopK(k=100),
        TopP(),
        TopP(p=1.0),
    )


NONE = np.empty((0, 1), np.intp)
LOGITS = np.array([0.3, -1.0, 2.0, 1.5, -3.0, 0.9, 0.0])


def softmax(z):
    e = np.exp(z - z.max())
    return e / e.sum()


def top_k(k, temperature):
    keep = np.argsort(-LOGITS)[:k]
    z = np.full(len(LOGITS), -np.inf)
    z[keep] = LOGITS[keep] / temperature
    return softmax(z)


def top_p(p, temperature):
    q = softmax(LOGITS / temperature)
    kept, total = np.zeros(len(q)), 0.0
    for i in np.argsort(-q):
        if total >= p:
            break
        kept[i], total = q[i], total + q[i]
    return kept / kept.sum()


DISTRIBUTIONS = [
    (Categorical(), softmax(LOGITS)),
    (Categorical(temperature=0.5), softmax(LOGITS / 0.5)),
    (Categorical(temperature=3.0), softmax(LOGITS / 3.0)),
    (TopK(k=3), top_k(3, 1.0)),
    (TopK(k=1), top_k(1, 1.0)),
    (TopK(k=4, temperature=2.0), top_k(4, 2.0)),
    (TopP(p=0.6), top_p(0.6, 1.0)),
    (TopP(p=0.9, temperature=1.5), top_p(0.9, 1.5)),
    (TopP(p=1.0), softmax(LOGITS)),
    (Greedy(), np.eye(7)[2]),
]


@pytest.mark.parametrize(("sampler", "p"), DISTRIBUTIONS, ids=lambda v: type(v).__name__)
def test_draws_follow_the_distribution(sampler: object, p: np.ndarray) -> None:
    # 60 lies beyond p = 1e-9 for six degrees of freedom.
    assert chi_square(sampler, LOGITS, p) < 60


def test_another_distribution_is_recognised() -> None:
    assert chi_square(Categorical(temperature=1.2), LOGITS, softmax(LOGITS)) > 60
    assert chi_square(Categorical(), LOGITS, top_p(0.9, 1.0)) == np.inf


def test_equals_of_the_kth_are_in() -> None:
    logits = np.zeros((4, 2000))
    assert set(TopK(k=2).sample(logits, NONE, np.random.default_rng(0))) == {0, 1, 2, 3}


def test_the_kit_catches_each_fault() -> None:
    right = Categorical()
    nobody = np.random.default_rng(99)

    def damages(inner, z, before, rng):
        ids = inner(z, before, rng)
        z *= 0.5
        return ids

    def draws_elsewhere(inner, z, before, rng):
        np.random.rand()
        return inner(z, before, rng)

    def absolute(inner, z, before, rng):
        return inner(np.where(np.abs(z) > 50, 0.0, z), before, rng)

    assert_all_caught(
        samplers,
        {
            "check_ids": [
                mutant(right, sample=lambda inner, z, before, rng: inner(z, before, rng)[:, None]),
                mutant(right, sample=lambda inner, z, before, rng: inner(z, before, rng) + 1),
                mutant(
                    right, sample=lambda inner, z, before, rng: inner(z, before, rng).astype(float)
                ),
            ],
            "check_determinism": [
                mutant(right, sample=lambda inner, z, before, rng: inner(z, before, nobody)),
                mutant(right, sample=damages),
                mutant(right, sample=draws_elsewhere),
            ],
            "check_impossible": [
                mutant(
                    right,
                    sample=lambda inner, z, before, rng: inner(np.maximum(z, -3), before, rng),
                )
            ],
            "check_certain": [
                mutant(
                    right, sample=lambda inner, z, before, rng: inner(np.minimum(z, 1), before, rng)
                )
            ],
            "check_shift": [mutant(right, sample=absolute)],
            "check_prefers": [
                mutant(right, sample=lambda inner, z, before, rng: inner(-z, before, rng))
            ],
        },
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: Categorical(temperature=0.0),
        lambda: TopK(k=0),
        lambda: TopP(p=0.0),
        lambda: TopP(p=1.1),
        lambda: TopP(temperature=float("inf")),
    ],
)
def test_ranges(make: object) -> None:
    with pytest.raises(ConfigError, match="must be"):
        make()


@pytest.mark.parametrize("sampler", [Categorical(), Categorical(0.7), TopK(), TopP()])
def test_one_text_and_many_draw_by_the_same_rule(sampler: object) -> None:
    """The ways for one column, for a few and for many give the same ids for the same numbers."""
    rng = np.random.default_rng
    logits = rng(0).normal(scale=2, size=(27, 600))
    many = sampler.sample(logits, NONE, rng(1))
    few, at = rng(1), 0
    for width in (1, 1, 100, 1, 97, 400):
        part = logits[:, at : at + width]
        np.testing.assert_array_equal(sampler.sample(part, NONE, few), many[at : at + width])
        at += width
    assert at == len(many)
