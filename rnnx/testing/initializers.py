"""What every initializer has to do: the checks of InitializerSuite."""

from __future__ import annotations

import numpy as np

from rnnx.contracts.components import Initializer
from rnnx.testing.suite import expect, global_state, make_suite

SHAPES = ((5, 5), (8, 3), (3, 8), (1, 1), (6, 1))


def check_shape_and_dtype(initializer: Initializer) -> None:
    """(n_out, n_in) finite numbers of the type asked for, an array of its own."""
    for n_out, n_in in SHAPES:
        for dtype in (np.float32, np.float64):
            filled = initializer.fill(np.random.default_rng(0), n_out, n_in, dtype)
            expect(
                filled.shape == (n_out, n_in),
                f"fill({n_out}, {n_in}) has shape {filled.shape}",
            )
            expect(filled.dtype == dtype, f"fill in {np.dtype(dtype)} gave {filled.dtype}")
            expect(bool(np.isfinite(filled).all()), f"fill({n_out}, {n_in}) is not all finite")
            expect(filled.flags.writeable, "fill returned an array that cannot be written")


def check_determinism(initializer: Initializer) -> None:
    """The generator decides; NumPy's global one is left alone; calls share no memory."""
    before = global_state()
    one = initializer.fill(np.random.default_rng(1), 4, 4, np.float64)
    two = initializer.fill(np.random.default_rng(1), 4, 4, np.float64)
    expect(np.array_equal(one, two), "two fills under one generator's state differ")
    expect(not np.shares_memory(one, two), "two fills share their memory")
    expect(global_state() == before, "NumPy's global generator was used; use rng")


def check_float32_is_rounded(initializer: Initializer) -> None:
    """float32 weights are the float64 ones, rounded: the type does not change the draw."""
    fine = initializer.fill(np.random.default_rng(2), 5, 4, np.float64)
    coarse = initializer.fill(np.random.default_rng(2), 5, 4, np.float32)
    expect(np.array_equal(fine.astype(np.float32), coarse), "float32 is not the rounded float64")


CHECKS = (check_shape_and_dtype, check_determinism, check_float32_is_rounded)

InitializerSuite = make_suite("initializer", CHECKS)
