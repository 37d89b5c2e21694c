"""The checks of InitializerSuite: what every initializer must do."""

from __future__ import annotations

import numpy as np

from rnnx.contracts.components import Initializer
from rnnx.testing.suite import expect, global_state, make_suite

SHAPES = ((5, 5), (8, 3), (3, 8), (1, 1), (6, 1))


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


CHECKS = (check_shape_and_dtype, check_determinism, check_float32_is_rounded)

InitializerSuite = make_suite("initializer", CHECKS)
