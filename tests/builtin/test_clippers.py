"""The built-in clippers, and the kit that checks them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mutants import assert_all_caught, mutant

from rnnx.contracts.buffers import Parameters
from rnnx.errors import ConfigError
from rnnx.testing import ClipperSuite, clippers
from rnnx_builtin.clippers import GlobalNorm, Unclipped, Value


class TestUnclipped(ClipperSuite):
    component = Unclipped()


class TestValue(ClipperSuite):
    component = Value()


class TestGlobalNorm(ClipperSuite):
    component = GlobalNorm()


def test_the_kit_catches_each_fault() -> None:
    def doubles(right, grads, norm):
        grads.flat *= 2
        return True

    def replaces(right, grads, norm):
        grads.flat = np.clip(grads.flat, -1, 1)
        return True

    def hides(right, grads, norm):
        np.nan_to_num(grads.flat, copy=False)
        return right(grads, norm)

    def turns(right, grads, norm):
        np.negative(grads.flat, out=grads.flat)
        return True

    def shrinks(right, grads, norm):
        grads.flat *= 0.9
        return True

    def too_wide(right, grads, norm):
        before = grads.flat.copy()
        np.clip(grads.flat, -11, 11, out=grads.flat)
        return not np.array_equal(before, grads.flat)

    assert_all_caught(
        clippers,
        {
            "check_bound": [mutant(Value(), clip=doubles)],
            "check_limit": [mutant(Value(), clip=too_wide)],
            "check_direction": [mutant(Value(), clip=turns)],
            "check_answer": [
                mutant(Value(), clip=lambda right, g, n: not right(g, n)),
                mutant(GlobalNorm(), clip=lambda right, g, n: right(g, n) or True),
            ],
            "check_again": [mutant(Unclipped(), clip=shrinks)],
            "check_not_a_number": [mutant(Value(), clip=hides)],
            "check_dtypes": [mutant(Value(), clip=replaces)],
        },
    )


FLOATS = hnp.arrays(np.float64, 8, elements=st.floats(-1e6, 1e6))


@given(FLOATS, st.floats(1e-3, 1e3))
def test_value_is_min_and_max(flat: np.ndarray, limit: float) -> None:
    grads = Parameters({"a": {"W": flat}})
    Value(limit).clip(grads, float(np.linalg.norm(flat)))
    np.testing.assert_array_equal(grads.flat, np.maximum(np.minimum(flat, limit), -limit))


@given(FLOATS, st.floats(1e-3, 1e3))
def test_global_norm_keeps_the_direction(flat: np.ndarray, limit: float) -> None:
    norm = float(np.linalg.norm(flat))
    grads = Parameters({"a": {"W": flat}})
    changed = GlobalNorm(limit).clip(grads, norm)
    expected = flat * (limit / norm) if norm > limit else flat
    assert changed == (norm > limit)
    np.testing.assert_allclose(grads.flat, expected, rtol=1e-12)


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan"), float("inf")])
def test_a_limit_is_above_zero(limit: float) -> None:
    for clipper in (Value, GlobalNorm):
        with pytest.raises(ConfigError, match=r"limit=.*above 0"):
            clipper(limit)
