"""The built-in clippers, and the kit that checks them."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from mutants import assert_all_caught, mutant

from rnnx.contracts.buffers import Parameters
from rnnx.errors import ConfigError
from rnnx.testing import ClipperSuite, clippers
from rnnx_builtin.clippers.adaptive import Adaptive
from rnnx_builtin.clippers.global_norm import GlobalNorm
from rnnx_builtin.clippers.none import Unclipped
from rnnx_builtin.clippers.per_layer import PerLayer
from rnnx_builtin.clippers.quantile import Quantile
from rnnx_builtin.clippers.value import Value

OPTAX = json.loads((Path(__file__).parents[1] / "golden/optax.json").read_text())


class TestUnclipped(ClipperSuite):
    component = Unclipped()


class TestValue(ClipperSuite):
    component = Value()


class TestGlobalNorm(ClipperSuite):
    component = GlobalNorm()


class TestPerLayer(ClipperSuite):
    component = PerLayer()


class TestAdaptive(ClipperSuite):
    components = (Adaptive(), Adaptive(fraction=0.5, head=True))


class TestQuantile(ClipperSuite):
    components = (Quantile(), Quantile(quantile=0.5, window=7))


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


@given(FLOATS, st.floats(1e-3, 1e3))
def test_each_layer_has_its_own_norm(flat: np.ndarray, limit: float) -> None:
    grads = Parameters({"layer0": {"W": flat[:3], "b": flat[3:5]}, "head": {"W": flat[5:]}})
    changed = PerLayer(limit).clip(grads, float(np.linalg.norm(flat)))
    norms = [np.linalg.norm(part) for part in (flat[:5], flat[5:])]
    factors = [min(1, limit / norm) if norm else 1 for norm in norms]
    expected = np.concatenate([flat[:5] * factors[0], flat[5:] * factors[1]])
    np.testing.assert_allclose(grads.flat, expected, rtol=2e-6)
    assert changed == (not np.array_equal(grads.flat, flat))


def test_adaptive_clipping_is_that_of_optax() -> None:
    weights, grads = (
        {name: np.array(array) for name, array in OPTAX[part].items()}
        for part in ("weights", "weight_gradients")
    )
    found, params = Parameters({"layer0": grads}), Parameters({"layer0": weights})
    norm = float(np.linalg.norm(found.flat))
    assert Adaptive(fraction=0.1).clip_by_parameters(found, norm, params)
    for name, expected in OPTAX["adaptive"].items():
        np.testing.assert_allclose(found["layer0"][name], expected, rtol=1e-6)
    assert np.array_equal(found["layer0"]["W"][1], grads["W"][1])  # it was small enough


@pytest.mark.parametrize("head", [False, True])
def test_adaptive_clipping_spares_the_head_unless_it_is_told(head: bool) -> None:
    params, grads = (Parameters({"head": {"Wy": np.full((2, 3), v)}}) for v in (1.0, 5.0))
    assert Adaptive(head=head).clip_by_parameters(grads, 13.0, params) == head


def test_quantile_is_of_the_last_norms_this_one_among_them() -> None:
    clipper, rng = Quantile(quantile=0.25, window=10), np.random.default_rng(0)
    params = Parameters({"a": {"W": np.zeros(2)}})
    state, norms = clipper.init_state(params), list(rng.lognormal(size=50))
    for k, norm in enumerate(norms):
        grads = Parameters({"a": {"W": np.array([0.6, -0.8]) * norm}})
        changed = clipper.clip_with_state(grads, norm, state, params)
        limit = np.quantile(norms[max(0, k - 9) : k + 1], 0.25)
        assert changed == (norm > limit)
        np.testing.assert_allclose(np.linalg.norm(grads.flat), min(norm, limit))


def test_gradients_of_zero_do_not_stop_quantile_clipping() -> None:
    clipper, params = Quantile(quantile=0.1), Parameters({"a": {"W": np.ones(1)}})
    state = clipper.init_state(params)
    for _ in range(20):
        clipper.clip_with_state(params.zeros_like(), 0.0, state, params)
    grads = params.copy()
    assert not clipper.clip_with_state(grads, 1.0, state, params) and grads.flat[0] == 1


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: Adaptive(fraction=0.0), "fraction"),
        (lambda: Adaptive(epsilon=-1.0), "epsilon"),
        (lambda: Quantile(quantile=1.1), "quantile"),
        (lambda: Quantile(window=0), "window"),
    ],
)
def test_ranges(make: object, field: str) -> None:
    with pytest.raises(ConfigError, match=f"^{field}=.*: must be "):
        make()


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan"), float("inf")])
def test_a_limit_is_above_zero(limit: float) -> None:
    for clipper in (Value, GlobalNorm, PerLayer):
        with pytest.raises(ConfigError, match=r"limit=.*above 0"):
            clipper(limit)
