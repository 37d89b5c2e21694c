"""Check that parameters are drawn from the generator that is passed in, in the dtype asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from rnnx.arrays import Array
from rnnx.testing.suite import expect


def looks_drawn(array: Array) -> bool:
    """Whether the numbers look random: most are distinct, and neighbours have nothing in common.

    Constants, identities, ranges and other smooth or sparse fillings do not.
    """
    flat = np.asarray(array, np.float64)
    if flat.size < 12 or len(np.unique(flat)) <= flat.size / 2:
        return False
    # Von Neumann's ratio: the mean square of neighbours' differences is twice the variance.
    steps = [np.diff(flat, axis=axis) for axis in range(flat.ndim) if flat.shape[axis] > 1]
    return all(float(np.mean(d**2)) > float(np.var(flat)) for d in steps)


def check_init_of(init: Callable[[np.random.Generator, Any], Mapping[str, Array]]) -> None:
    """CheckFailed unless ``init(rng, dtype)`` draws from ``rng`` and gives that dtype."""
    for dtype in (np.float32, np.float64):
        for name, array in init(np.random.default_rng(0), dtype).items():
            expect(
                isinstance(array, np.ndarray) and array.dtype == dtype,
                f"init: {name} is {getattr(array, 'dtype', type(array).__name__)} where "
                f"{np.dtype(dtype)} is asked for",
            )
            expect(bool(np.isfinite(array).all()), f"init: {name} is not all finite")
            expect(array.flags.writeable, f"init: {name} is read-only")
    one, two = (init(np.random.default_rng(seed), np.float64) for seed in (1, 2))
    expect(list(one) == list(two), "init: another generator gives other parameters' names")
    rng = np.random.default_rng(1)
    first, second = init(rng, np.float64), init(rng, np.float64)
    for name, array in one.items():
        drawn = looks_drawn(array)
        expect(
            not (drawn and np.array_equal(array, two[name])),
            f"init: {name} is the same for two generators, though it looks random: draw from rng",
        )
        expect(
            not (drawn and np.array_equal(first[name], second[name])),
            f"init: {name} is the same in two calls with one generator: draw from rng itself",
        )
        expect(not np.shares_memory(first[name], second[name]), f"init: two {name} share memory")
    names = list(one)
    for i, name in enumerate(names):
        for other in names[:i]:
            expect(
                not (looks_drawn(one[name]) and np.array_equal(one[name], one[other])),
                f"init: {other} and {name} are equal: give each a draw of its own",
            )
