"""The checks of InitializerSuite: what every initializer must do."""

from __future__ import annotations

import numpy as np

from rnnx.contracts.components import Initializer
from rnnx.testing.initialization import check_init_of, looks_drawn
from rnnx.testing.isolation import Results, isolation_checks, threads_check
from rnnx.testing.suite import NotApplicable, expect, global_state, make_suite

SHAPES = ((5, 5), (8, 3), (3, 8), (1, 1), (6, 1), (70, 65), (65, 70), (200, 3))


def exercise(initializer: Initializer, which: int) -> Results:
    """Arrays of several shapes, drawn one after another from one generator."""
    rng = np.random.default_rng(which)
    return {f"fill{shape}": initializer.fill(rng, *shape, np.float64) for shape in SHAPES}


check_process, check_history, check_other_process = isolation_checks(exercise)
check_threads = threads_check(exercise)


def check_shape_and_dtype(initializer: Initializer) -> None:
    """``fill`` returns a writable array (n_out, n_in) of finite numbers of the dtype asked for."""
    for n_out, n_in in SHAPES:
        for dtype in (np.float32, np.float64):
            filled = initializer.fill(np.random.default_rng(0), n_out, n_in, dtype)
            expect(
                filled.shape == (n_out, n_in),
                f"fill({n_out}, {n_in}) has shape {filled.shape}",
            )
            expect(filled.dtype == dtype, f"fill in {np.dtype(dtype)} gave {filled.dtype}")
            expect(bool(np.isfinite(filled).all()), f"fill({n_out}, {n_in}) is not all finite")
            expect(filled.flags.writeable, "fill returned a read-only array")


def check_determinism(initializer: Initializer) -> None:
    """The generator alone decides, NumPy's global one is not used, and calls share no memory."""
    before = global_state()
    one = initializer.fill(np.random.default_rng(1), 4, 4, np.float64)
    two = initializer.fill(np.random.default_rng(1), 4, 4, np.float64)
    expect(np.array_equal(one, two), "two calls with equal generators differ: draw from rng alone")
    expect(not np.shares_memory(one, two), "two calls return arrays that share memory")
    expect(global_state() == before, "NumPy's global generator was used; use rng")


def check_float32_is_rounded(initializer: Initializer) -> None:
    """float32 weights are the float64 weights, rounded: the dtype does not change the draws."""
    fine = initializer.fill(np.random.default_rng(2), 5, 4, np.float64)
    coarse = initializer.fill(np.random.default_rng(2), 5, 4, np.float32)
    expect(
        np.array_equal(fine.astype(np.float32), coarse),
        "the float32 weights are not the float64 weights, rounded",
    )


def check_draws(initializer: Initializer) -> None:
    """Random weights come from the generator, and no two rows or columns are equal."""
    check_init_of(lambda rng, dtype: {"weights": initializer.fill(rng, 30, 24, dtype)})
    filled = initializer.fill(np.random.default_rng(3), 70, 65, np.float64)
    if len(np.unique(filled)) <= 3:
        raise NotApplicable("the weights have at most three values: they are not drawn")
    for what, rows in (("rows", filled), ("columns", filled.T)):
        used = rows[rows.any(axis=1)]
        distinct = len(np.unique(used, axis=0))
        expect(
            distinct == len(used), f"only {distinct} of {len(used)} {what} of weights are distinct"
        )
        if looks_drawn(used):
            expect(len(used) == len(rows), f"{len(rows) - len(used)} of {len(rows)} {what} are 0")


CHECKS = (
    check_shape_and_dtype,
    check_determinism,
    check_float32_is_rounded,
    check_draws,
    check_process,
    check_history,
    check_threads,
    check_other_process,
)

InitializerSuite = make_suite("initializer", CHECKS)
