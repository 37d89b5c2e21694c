"""Statistics over seeds, against SciPy, numbers made by hand, and what holds for all values."""

import itertools
import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rnnx.comparison.statistics import (
    FEWEST_PAIRS,
    FEWEST_UNPAIRED,
    LEVEL,
    MANY,
    POWER,
    difference,
    interval,
    mean_and_spread,
)

# Sixteenths: their sums are exact, so that a shift changes no bit of a difference.
sixteenths = st.integers(-(2**20), 2**20).map(lambda n: n / 16)
few = st.lists(sixteenths, min_size=2, max_size=6)  # all rearrangements are counted
quick = settings(max_examples=40, deadline=None)


def seeded(values: list[float], first: int = 0) -> dict[str, float]:
    return {str(seed): value for seed, value in enumerate(values, first)}


def test_an_interval_of_few_values_is_students() -> None:
    values = [2.1, 2.4, 1.9, 2.2]
    mean, error = statistics.mean(values), statistics.stdev(values) / 2
    found = interval(values)
    assert found is not None
    assert found[:2] == pytest.approx((mean - 3.182446 * error, mean + 3.182446 * error))
    assert found[:2] == pytest.approx(stats.t.interval(0.95, 3, mean, error))
    assert found.method == "t"


def test_an_interval_of_many_values_is_the_bootstraps() -> None:
    values = [*np.random.default_rng(5).lognormal(size=MANY)]
    found = interval(values)
    rng = np.random.default_rng(0)
    told = stats.bootstrap((np.sort(values),), np.mean, method="BCa", rng=rng).confidence_interval
    assert found is not None
    assert found == (told.low, told.high, "bootstrap")
    assert interval(values[1:]) == (*interval(values[1:])[:2], "t")  # type: ignore[index]
    # It leans to the side of the long tail, which Student's does not.
    mean = statistics.mean(values)
    assert found.high - mean > mean - found.low


def test_one_value_has_no_interval_and_equal_ones_have_no_width() -> None:
    assert interval([]) is interval([2.0]) is interval([1.7e308, -1.7e308]) is None
    assert interval([2.0, 2.0]) == (2.0, 2.0, "t")
    assert interval([2.0] * MANY) == (2.0, 2.0, "t")


def test_differences_by_seed_are_tested_by_their_signs() -> None:
    values, best = [2.3, 2.1, 2.6, 2.2, 2.4], [2.0, 2.0, 2.1, 2.3, 2.0]
    differences = [0.3, 0.1, 0.5, -0.1, 0.4]
    # By hand: the sum found is 1.2. Of the 32 combinations of signs, three have a sum as large: all
    # plus (1.4), and one minus at either of the two tenths (1.2). As many are as far below 0.
    found = difference(seeded(values), seeded(best))
    assert found.mean == pytest.approx(statistics.mean(differences))
    assert found.p == pytest.approx(2 * 3 / 32)
    assert (found.seeds, found.is_paired, found.tells_apart) == (5, True, False)
    told = stats.permutation_test(
        (differences,), lambda x, axis: np.mean(x, axis=axis), permutation_type="samples",
        vectorized=True, n_resamples=math.inf,
    )  # fmt: skip
    assert found.p == pytest.approx(told.pvalue)


def test_seeds_that_differ_are_independent_samples() -> None:
    worse, best = [5.0, 6.0, 7.0, 8.0], [1.0, 2.0, 3.0, 4.0]
    found = difference(seeded(worse, first=4), seeded(best))
    assert found == (4.0, pytest.approx(2 / 70), 4, False, found.needed)
    assert found.tells_apart and found.more == 0
    told = stats.permutation_test(
        (worse, best), lambda x, y, axis: np.mean(x, axis=axis) - np.mean(y, axis=axis),
        vectorized=True, n_resamples=math.inf,
    )  # fmt: skip
    assert found.p == pytest.approx(told.pvalue)


@pytest.mark.parametrize(
    ("seeds", "best", "is_paired", "count"),
    [
        ("01234", "01234", True, 5),
        ("0123", "01234", True, 4),  # one has diverged
        ("012", "01234", True, 3),
        ("01", "01234", False, 2),  # less than half of the best's
        ("01", "12", False, 2),  # one pair has no spread
        ("345", "012", False, 3),
    ],
)
def test_shared_seeds_are_paired_where_they_are_half(
    seeds: str, best: str, is_paired: bool, count: int
) -> None:
    found = difference({seed: 1.0 + int(seed) for seed in seeds}, dict.fromkeys(best, 0.0))
    assert (found.is_paired, found.seeds, found.is_tested) == (is_paired, count, True)


def test_one_seed_is_not_tested() -> None:
    for values, best in (([1.0], [2.0]), ([1.0], [2.0, 3.0]), ([1.0, 2.0], [3.0]), ([], [1.0])):
        found = difference(seeded(values), seeded(best))
        assert not found.is_tested and not found.tells_apart and found.more is None


def test_what_is_not_finite_is_not_tested_and_large_values_are() -> None:
    assert not difference(seeded([1.7e308] * 3), seeded([-1.7e308] * 3)).is_tested
    assert difference(seeded([1e308, 1.1e308]), seeded([0.0, 0.0])).p == 0.5
    assert difference(seeded([3.0] * 3), seeded([3.0] * 3)).p == 1.0


@pytest.mark.parametrize("effect", [0.9, 1.2, 2.0])
def test_so_many_seeds_have_the_power(effect: float) -> None:
    # Values whose paired differences have this mean and a standard deviation of 1.
    sample = np.array([-1.0, 0.0, 1.0]) + effect
    needed = difference(seeded([*sample]), seeded([0.0] * 3)).needed
    assert needed is not None and FEWEST_PAIRS <= needed <= 12
    signs = np.array([*itertools.product((-1.0, 1.0), repeat=needed)])
    drawn = np.random.default_rng(0).normal(effect, size=(500, needed))
    sums = np.abs(drawn @ signs.T)
    p = (sums >= np.abs(drawn.sum(axis=1, keepdims=True)) - 1e-9).mean(axis=1)
    assert (p <= LEVEL).mean() > POWER - 0.06
    exact = np.count_nonzero(stats.ttest_1samp(drawn, 0, axis=1).pvalue <= LEVEL) / 500
    assert POWER - 0.06 < exact < POWER + 0.06 or needed == FEWEST_PAIRS


def test_more_seeds_are_counted_from_those_there_are() -> None:
    near = difference(seeded([1.0, -0.9, 0.5]), seeded([0.0] * 3))
    assert near.needed is not None and near.more == near.needed - 3 > 100
    far = difference(seeded([1.0, 1.1, 1.2]), seeded([0.0] * 3))
    assert (far.needed, far.more, far.tells_apart) == (FEWEST_PAIRS, FEWEST_PAIRS - 3, False)
    unpaired = difference(seeded([1.0, 1.1, 1.2], 7), seeded([0.0, 0.1, 0.2]))
    assert (unpaired.needed, unpaired.more) == (FEWEST_UNPAIRED, 1)
    assert difference(seeded([1.0, -1.0]), seeded([0.0, 0.0])).more is None  # no difference


def test_the_fewest_seeds_are_those_that_can_reach_the_level() -> None:
    assert 2 / 2**FEWEST_PAIRS <= LEVEL < 2 / 2 ** (FEWEST_PAIRS - 1)
    n = FEWEST_UNPAIRED
    assert 2 / math.comb(2 * n, n) <= LEVEL < 2 / math.comb(2 * n - 2, n - 1)


@quick
@given(few, few, st.booleans())
def test_a_difference_is_the_same_from_both_sides(
    values: list[float], others: list[float], is_paired: bool
) -> None:
    one, other = seeded(values), seeded(others, 0 if is_paired else 100)
    there, back = difference(one, other), difference(other, one)
    assert there.mean == -back.mean
    assert there.p == pytest.approx(back.p)
    assert there[2:] == back[2:]
    negative = difference({s: -v for s, v in one.items()}, {s: -v for s, v in other.items()})
    assert negative == (-there.mean, pytest.approx(there.p), *there[2:])


def test_random_rearrangements_are_the_same_from_both_sides() -> None:
    drawn = np.random.default_rng(3).normal(size=(2, 20)).tolist()
    one, other, apart = seeded(drawn[0]), seeded(drawn[1]), seeded(drawn[1], 100)
    assert difference(one, apart).p == difference(apart, one).p < 1
    # A sign-flip test of the negated differences draws other signs.
    assert difference(one, other).p == pytest.approx(difference(other, one).p, abs=0.02)


@quick
@given(st.data())
def test_the_order_of_the_seeds_changes_nothing(data: st.DataObject) -> None:
    values = data.draw(st.lists(sixteenths, min_size=2, max_size=MANY + 1))
    shuffled = data.draw(st.permutations(values))
    assert interval(values) == pytest.approx(interval(shuffled), nan_ok=True)
    pairs = [*seeded(values).items()]
    moved = dict(data.draw(st.permutations(pairs)))
    best = {seed: float(place % 3) for place, seed in enumerate(dict(pairs))}
    assert difference(dict(pairs), best) == pytest.approx(difference(moved, best))


@quick
@given(st.lists(sixteenths, min_size=2, max_size=MANY + 1), sixteenths)
def test_a_shift_moves_intervals_and_leaves_differences(values: list[float], by: float) -> None:
    moved = [value + by for value in values]
    before, after = interval(values), interval(moved)
    assert before is not None and after is not None
    scale = 1e-9 * (1 + max(map(abs, (*values, by))))
    assert after.low - before.low == pytest.approx(by, abs=scale)
    assert after.high - before.high == pytest.approx(by, abs=scale)
    best = {seed: place / 2 for place, seed in enumerate(seeded(values))}
    shifted = {seed: value + by for seed, value in best.items()}
    assert difference(seeded(values), best) == difference(seeded(moved), shifted)
    assert mean_and_spread(moved)[1] == pytest.approx(mean_and_spread(values)[1], abs=scale)


@quick
@given(few)
def test_an_interval_has_the_mean_inside_and_p_is_a_share(values: list[float]) -> None:
    within, mean = interval(values), mean_and_spread(values)[0]
    assert within is not None and within.low <= mean <= within.high
    p = difference(seeded(values), seeded([0.0] * len(values))).p
    assert 2 / 2 ** len(values) <= p <= 1
