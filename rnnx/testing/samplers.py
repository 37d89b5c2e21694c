"""The checks of SamplerSuite: what every sampler must do."""

from __future__ import annotations

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.components import Sampler
from rnnx.testing.isolation import Results, isolation_checks, threads_check
from rnnx.testing.suite import CheckFailed, NotApplicable, expect, global_state, make_suite

N_Y, B = 7, 50


def exercise(sampler: Sampler, which: int) -> Results:
    """The ids of many columns and of few, one after another from one generator."""
    rng, results = np.random.default_rng(which), {}
    for n_y, columns in ((N_Y, B), (2, 1), (70, 67), (27, 3)):
        logits = np.random.default_rng(which).normal(scale=2, size=(n_y, columns))
        before = np.zeros((4, columns), np.intp)
        ids = np.asarray(sampler.sample(logits, before, rng))
        results[f"{columns} columns of {n_y} logits"] = ids
    return results


check_process, check_history, check_other_process = isolation_checks(exercise)
check_threads = threads_check(exercise)


def _logits(dtype: type = np.float64) -> Array:
    return np.random.default_rng(0).normal(scale=2, size=(N_Y, B)).astype(dtype)


def _sample(sampler: Sampler, logits: Array, seed: int = 1) -> Array:
    with np.errstate(all="ignore"):
        before = np.zeros((3, logits.shape[1]), np.intp)  # each text so far is the ids 0, 0, 0
        return np.asarray(sampler.sample(logits, before, np.random.default_rng(seed)))


def check_ids(sampler: Sampler) -> None:
    """``sample`` returns an integer of 0 … n_y − 1 for each column."""
    for dtype in (np.float32, np.float64):
        ids = _sample(sampler, _logits(dtype))
        expect(ids.shape == (B,), f"sample returned shape {ids.shape}, expected {(B,)}")
        expect(np.issubdtype(ids.dtype, np.integer), f"sample returned {ids.dtype}, not integers")
        expect(bool(((ids >= 0) & (ids < N_Y)).all()), f"an id lies outside 0 … {N_Y - 1}: {ids}")
    one = _sample(sampler, _logits()[:, :1])
    expect(one.shape == (1,), f"one column gives shape {one.shape}, expected (1,)")
    for n_y, columns in ((70, 67), (300, 2), (2, 300)):
        wide = np.random.default_rng(1).normal(size=(n_y, columns))
        ids = _sample(sampler, wide)
        expect(ids.shape == (columns,), f"{columns} columns of {n_y} logits give {ids.shape}")
        expect(bool(((ids >= 0) & (ids < n_y)).all()), f"an id lies outside 0 … {n_y - 1}: {ids}")


def check_determinism(sampler: Sampler) -> None:
    """The generator alone decides, and the logits are not changed."""
    logits = _logits()
    before, place = logits.copy(), global_state()
    expect(
        np.array_equal(_sample(sampler, logits), _sample(sampler, logits)),
        "two calls with equal generators differ: draw from rng alone",
    )
    expect(np.array_equal(logits, before), "logits: were changed in place")
    expect(global_state() == place, "NumPy's global generator was used; use rng")


def check_impossible(sampler: Sampler) -> None:
    """A logit of −inf is never drawn."""
    logits = _logits()
    logits[1:6] = -np.inf
    for seed in range(20):
        ids = _sample(sampler, logits, seed)
        drawn = sorted(set(ids.tolist()) - {0, 6})
        expect(not drawn, f"ids {drawn} were drawn, but their logits are −inf")


def check_certain(sampler: Sampler) -> None:
    """An id whose logit is 1,000 or more above all others is always drawn."""
    for scale in (1e3, 1e30):
        logits = np.zeros((N_Y, B))
        logits[np.arange(B) % N_Y, np.arange(B)] = scale
        ids = _sample(sampler, logits)
        expect(
            np.array_equal(ids, np.arange(B) % N_Y),
            f"one logit is {scale:g} and the others are 0, but another id was drawn: {ids}",
        )


def check_shift(sampler: Sampler) -> None:
    """Adding a constant to all logits of a column changes no draw."""
    logits = np.round(_logits() * 8) / 8  # exact in binary, so the shift is exact as well
    moved = logits + 64.0
    expect(
        np.array_equal(_sample(sampler, logits), _sample(sampler, moved)),
        "adding 64 to all logits changes the ids",
    )


def check_prefers(sampler: Sampler) -> None:
    """Of two ids, the one with the larger logit is drawn more often."""
    logits = np.zeros((2, 4000))
    logits[1] = 1.0
    ids = _sample(sampler, logits)
    fraction = float(np.mean(ids))
    expect(
        fraction > 0.55,
        f"of two ids the one whose logit is 1 higher is drawn {fraction:.1%} of times",
    )


def check_before(sampler: Sampler) -> None:
    """``before`` is not changed, and may be empty: a text's first symbol has none before it."""
    logits, rng = _logits(), np.random.default_rng
    try:
        empty = np.asarray(sampler.sample(logits.copy(), np.empty((0, B), np.intp), rng(1)))
    except IndexError as error:
        raise CheckFailed(f"without ids before: IndexError: {error}") from error
    expect(empty.shape == (B,), f"without ids before: shape {empty.shape}, expected {(B,)}")
    before = np.arange(3 * B).reshape(3, B) % N_Y
    copy = before.copy()
    sampler.sample(logits.copy(), before, rng(1))
    expect(np.array_equal(before, copy), "before: was changed in place")
    before.flags.writeable = logits.flags.writeable = False  # also what is changed and put back
    try:
        sampler.sample(logits, before, rng(1))
    except ValueError as error:
        expect("read-only" not in str(error), f"an input was changed in place: {error}")
        raise


def check_columns_draw_alone(sampler: Sampler) -> None:
    """Each column has a draw of its own, which only the generator decides.

    67 columns with equal logits are drawn 2,000 times from one generator. Counted are: how often
    each column, each pair of columns, and successive draws of one column agree.
    """
    times, columns, rng = 2000, 67, np.random.default_rng(5)
    logits, before = np.zeros((2, columns)), np.zeros((3, columns), np.intp)

    def draw(count: int) -> Array:
        return np.array([sampler.sample(logits, before, rng) for _ in range(count)], np.float64)

    drawn = draw(50)  # enough to see whether anything is drawn
    if (drawn == drawn[0, 0]).all():
        raise NotApplicable("the sampler does not draw: equal logits always give one id")
    still = np.flatnonzero(drawn.std(axis=0) == 0).tolist()
    expect(not still, f"column {still[:1]} has one id in 50 draws, others vary: draw from rng")
    drawn = draw(times)
    bound = 6 / np.sqrt(times)  # six standard deviations of a correlation of independent draws
    ones = drawn.mean(axis=0)
    odd = int(np.abs(ones - ones.mean()).argmax())
    expect(
        abs(ones[odd] - ones.mean()) < bound,
        f"for equal logits column {odd} draws id 1 in {ones[odd]:.1%}, all together in "
        f"{ones.mean():.1%}",
    )
    _check_independence(drawn, bound)


def _check_independence(drawn: Array, bound: float) -> None:
    """No two columns of draws (times, columns) correlate, nor do successive draws of one."""
    times, columns = drawn.shape
    between = np.corrcoef(drawn.T) - np.eye(columns)
    one, other = np.unravel_index(np.abs(between).argmax(), between.shape)
    expect(
        float(np.abs(between).max()) < bound,
        f"columns {one} and {other} correlate by {between[one, other]:.2f} over {times} draws: "
        "give each column a random number of its own",
    )
    sums = drawn.sum(axis=1).var() / drawn.var(axis=0).sum()  # 1 for independent draws
    expect(
        abs(sums - 1) < 6 * np.sqrt(2 / times),
        f"the variance of the columns' sum is {sums:.2f} of that of independent draws",
    )
    for lag in (1, 2, 3):
        again = np.mean([np.corrcoef(c[:-lag], c[lag:])[0, 1] for c in drawn.T])
        expect(
            abs(again) < 6 / np.sqrt(times * columns),
            f"draws {lag} apart of one column correlate by {again:.3f}",
        )


CHECKS = (
    check_ids,
    check_determinism,
    check_impossible,
    check_certain,
    check_shift,
    check_prefers,
    check_before,
    check_columns_draw_alone,
    check_process,
    check_history,
    check_threads,
    check_other_process,
)

SamplerSuite = make_suite("sampler", CHECKS)


def chi_square(sampler: Sampler, logits: Array, probabilities: Array, draws: int = 40_000) -> float:
    """Pearson's χ² of many draws from one column of logits against ``probabilities``.

    With k possible ids it has mean k − 1 and variance 2·(k − 1). It is infinite if an id of
    probability 0 is drawn.
    """
    columns = np.repeat(logits[:, None], draws, axis=1)
    counts = np.bincount(_sample(sampler, columns), minlength=len(logits))
    possible = probabilities > 0
    if counts[~possible].any():
        return float("inf")
    expected = probabilities[possible] * draws
    return float(np.sum((counts[possible] - expected) ** 2 / expected))
