"""Statistics over seeds: values in, numbers out.

docs/explanation/statistics.md says why these. SciPy is imported where a group has several seeds.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

LEVEL = 0.05  # two groups are told apart by a p value up to it; intervals cover the rest
POWER = 0.8  # the probability with which so many more seeds tell two groups apart
MANY = 30  # values from which on an interval is that of the bootstrap
RESAMPLES = 9_999  # of the bootstrap, and of a test that has more rearrangements than that
SEED = 0  # of both: the same values give the same numbers
# The fewest seeds with which a test can reach the level: 2 of 2⁶ signs, 2 of 70 ways to choose 4
# of 8 values.
FEWEST_PAIRS, FEWEST_UNPAIRED = 6, 4


class Interval(NamedTuple):
    """Where the mean of all seeds is, with a confidence of 1 - LEVEL."""

    low: float
    high: float
    method: str  # t or bootstrap


class Difference(NamedTuple):
    """How the mean of a group differs from that of another one."""

    mean: float  # of the group minus that of the other; over the pairs where they are paired
    p: float  # two-sided; nan where one of the groups has less than two seeds
    seeds: int  # pairs, or the seeds of the smaller group where they are not paired
    is_paired: bool
    needed: int | None  # seeds that tell the two apart with POWER; None: unknown

    @property
    def is_tested(self) -> bool:
        """Whether there were enough seeds for a test."""
        return not math.isnan(self.p)

    @property
    def tells_apart(self) -> bool:
        """Whether the difference is more than chance would give, by LEVEL."""
        return self.p <= LEVEL

    @property
    def more(self) -> int | None:
        """The seeds that are lacking; 0 where the two are told apart, None where unknown."""
        if self.tells_apart or self.needed is None:
            return 0 if self.tells_apart else None
        return max(self.needed - self.seeds, 1)


def mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """The mean and the sample standard deviation; nan of none, and of one, respectively."""
    with np.errstate(over="ignore", invalid="ignore"):  # a diverging run's losses near 1e308
        mean = float(np.mean(values)) if values else math.nan
        return mean, float(np.std(values, ddof=1)) if len(values) > 1 else math.nan


def interval(values: Sequence[float]) -> Interval | None:
    """The confidence interval of the mean; None below two values, or where it is not finite.

    Student's t for few values, from MANY on the bootstrap (bias-corrected and accelerated).
    """
    mean, spread = mean_and_spread(values)
    if len(values) < 2 or not math.isfinite(mean + spread):
        return None
    if len(values) >= MANY and spread:
        from scipy.stats import bootstrap

        drawn = bootstrap(
            (np.sort(values),),  # sorted: the order of the seeds changes nothing
            np.mean,
            confidence_level=1 - LEVEL,
            n_resamples=RESAMPLES,
            rng=np.random.default_rng(SEED),
        ).confidence_interval
        return Interval(float(drawn.low), float(drawn.high), "bootstrap")
    from scipy.special import stdtrit

    n = len(values)
    half = float(stdtrit(n - 1, 1 - LEVEL / 2)) * spread / math.sqrt(n)
    return Interval(mean - half, mean + half, "t")


def difference(values: Mapping[Any, float], others: Mapping[Any, float]) -> Difference:
    """How a group's values (seed → value) differ from those of another one.

    Seeds that both groups have are paired where they are at least half of the larger group;
    otherwise the groups are compared as independent samples.
    """
    shared = [seed for seed in values if seed in others]
    if len(shared) < 2 or 2 * len(shared) < max(len(values), len(others)):
        return _of_independent(list(values.values()), list(others.values()))
    differences = [values[seed] - others[seed] for seed in shared]
    mean, spread = mean_and_spread(differences)
    p = _p("samples", differences)
    return Difference(mean, p, len(shared), True, _needed(mean, spread**2, True))


def _of_independent(values: Sequence[float], others: Sequence[float]) -> Difference:
    (mean, spread), (other_mean, other_spread) = map(mean_and_spread, (values, others))
    by, seeds = mean - other_mean, min(len(values), len(others))
    if seeds < 2:
        return Difference(by, math.nan, seeds, False, None)
    p = _p("independent", values, others)
    needed = _needed(by, spread**2 + other_spread**2, False)
    return Difference(by, p, seeds, False, needed)


def _p(kind: str, *samples: Sequence[float]) -> float:
    """How often a rearrangement gives a mean or a difference of means as far out as the one found.

    ``samples``: random signs of one sample; ``independent``: random labels of two. All
    rearrangements are counted where they are not more than RESAMPLES.
    """
    from scipy.stats import permutation_test

    if not all(map(math.isfinite, itertools.chain(*samples))):
        return math.nan
    # Values near the largest float would overflow in a sum. A power of two rounds none of them:
    # sums that are equal stay equal.
    exponent = max(math.frexp(value)[1] for value in itertools.chain(*samples))
    # In one order of the samples and of their values: random rearrangements are the same, too.
    ordered = sorted(sorted(math.ldexp(value, -exponent) for value in one) for one in samples)
    found = permutation_test(
        tuple(map(np.asarray, ordered)),
        _sum_of_first,
        permutation_type=kind,
        vectorized=True,
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(SEED),
    )
    return float(found.pvalue)


def _sum_of_first(sample: Any, *others: Any, axis: int) -> Any:
    """As good as the mean, or as the difference of means: the values of all samples stay."""
    return np.sum(sample, axis=axis)


def _needed(mean: float, variance: float, is_paired: bool) -> int | None:
    """Seeds with which a test of LEVEL finds a difference of this mean and variance with POWER.

    Guenther's formula for the t test, and never fewer than the permutation test needs.
    """
    from scipy.special import ndtri

    if mean == 0 or not math.isfinite(mean) or not math.isfinite(variance):
        return None
    level, power = float(ndtri(1 - LEVEL / 2)), float(ndtri(POWER))
    found = (level + power) ** 2 * (variance / mean) / mean + level**2 / (2 if is_paired else 4)
    fewest = FEWEST_PAIRS if is_paired else FEWEST_UNPAIRED
    return max(math.ceil(found), fewest) if math.isfinite(found) else None
