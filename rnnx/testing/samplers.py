"""The checks of SamplerSuite: what every sampler must do."""

from __future__ import annotations

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.components import Sampler
from rnnx.testing.suite import expect, global_state, make_suite

N_Y, B = 7, 50


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


CHECKS = (
    check_ids,
    check_determinism,
    check_impossible,
    check_certain,
    check_shift,
    check_prefers,
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
