"""Checks over shapes that Hypothesis generates; it reduces a failing one to the smallest.

The shapes are the same in every run and none is kept on disk, so that a suite that passes once
passes again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array
from rnnx.testing.suite import CheckFailed, NotApplicable

EXAMPLES = 25  # shapes for each check


class Shape(NamedTuple):
    """All sizes of a case, and a seed for its values."""

    T: int
    B: int
    n_x: int
    n_a: int
    dtype: Any
    ids: bool
    lengths: Array | None  # (B,), each 1 … T
    scale: float  # the standard deviation of the states' entries
    seed: int

    def __str__(self) -> str:
        lengths = "no lengths" if self.lengths is None else f"lengths {self.lengths.tolist()}"
        what = "ids" if self.ids else "dense x"
        return (
            f"T={self.T}, B={self.B}, n_x={self.n_x}, n_a={self.n_a}, "
            f"{np.dtype(self.dtype)}, {what}, {lengths}"
        )


def for_all_shapes(test: Callable[[Shape], None], examples: int = EXAMPLES) -> None:
    """Call ``test`` for many shapes; CheckFailed is that of the smallest shape that fails."""
    try:
        from hypothesis import HealthCheck, errors, given, settings
        from hypothesis import strategies as st
    except ImportError as error:
        raise NotApplicable(
            "it needs hypothesis, which is not installed: pip install hypothesis"
        ) from error

    @st.composite  # type: ignore[untyped-decorator]
    def shapes(draw: Any) -> Shape:
        T, B, n_x, n_a = (draw(st.integers(1, most)) for most in (6, 4, 5, 5))
        lengths = draw(st.none() | st.lists(st.integers(1, T), min_size=B, max_size=B))
        return Shape(
            T,
            B,
            n_x,
            n_a,
            draw(st.sampled_from([np.float64, np.float32])),
            draw(st.booleans()),
            None if lengths is None else np.array(lengths),
            draw(st.sampled_from([0.5, 0.0, 20.0])),
            draw(st.integers(0, 1000)),
        )

    fixed = settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    try:
        fixed(given(shapes())(test))()
    except errors.Flaky as error:
        raise CheckFailed(
            "a shape that failed passes when it is tried again: the result is random"
        ) from error
