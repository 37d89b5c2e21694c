"""One vector underneath: what is written by name is there, and the other way round."""

import math

import numpy as np
import pytest

from rnnx.contracts.buffers import Parameters


def parameters(dtype: type | None = None) -> Parameters:
    tree = {
        "layer0": {"Wx": np.array([[1.0, 2.0], [3.0, 4.0]], np.float32), "b": np.array([[5.0]])},
        "head": {"Wy": np.array([6.0, 7.0], np.float32)},
    }
    return Parameters(tree, dtype)


def test_arrays_are_views_of_the_vector_in_order() -> None:
    params = parameters()
    assert list(params) == ["layer0", "head"] and list(params["layer0"]) == ["Wx", "b"]
    assert params.flat.tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert params["layer0"]["Wx"].shape == (2, 2)
    params.flat[4] = -5
    params["head"]["Wy"][1] = -7
    assert params["layer0"]["b"][0, 0] == -5
    assert params.flat.tolist() == [1, 2, 3, 4, -5, 6, -7]
    assert params.size == 7 and type(params.size) is int
    named = dict(params.leaves())
    assert list(named) == ["layer0.Wx", "layer0.b", "head.Wy"]
    assert all(np.shares_memory(array, params.flat) for array in named.values())


def test_the_type_is_given_or_holds_all() -> None:
    assert parameters().flat.dtype == np.float64
    assert parameters(np.float32).flat.dtype == np.float32
    assert parameters(np.float32)["layer0"]["b"].dtype == np.float32
    empty = Parameters({})
    assert (empty.flat.dtype, empty.size, empty.norm()) == (np.float32, 0, 0.0)


def test_copies_are_independent() -> None:
    params = parameters(np.float32)
    copied, zeros = params.copy(), params.zeros_like()
    for other in (copied, zeros):
        assert {k: list(v) for k, v in other.items()} == {k: list(v) for k, v in params.items()}
        assert other.flat.dtype == np.float32
        assert not np.shares_memory(other.flat, params.flat)
    assert copied.flat.tolist() == params.flat.tolist()
    assert zeros.flat.tolist() == [0] * 7
    zeros["head"]["Wy"][0] = 3
    assert zeros.flat.tolist() == [0, 0, 0, 0, 0, 3, 0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_norm_is_that_of_all_numbers(dtype: type) -> None:
    params = parameters(dtype)
    found = params.norm()
    assert type(found) is float
    assert found == pytest.approx(math.sqrt(1 + 4 + 9 + 16 + 25 + 36 + 49), rel=1e-6)


def test_the_norm_of_large_numbers_does_not_overflow() -> None:
    params = parameters(np.float32)
    params.flat[:] = 0
    params.flat[:2] = 3e30, 4e30
    with np.errstate(over="ignore"):
        assert params.norm() == pytest.approx(5e30, rel=1e-6)
        params.flat[0] = np.inf
        assert params.norm() == math.inf


def test_arrays_are_taken_in_by_name() -> None:
    params, other = parameters(np.float32), parameters(np.float32)
    other.flat[:] = range(7)
    own = params["layer0"]["b"]
    own[...] = 9
    before = params.flat
    params.take({**other, "layer0": {**other["layer0"], "b": own}})  # b is here already
    assert params.flat is before
    assert params.flat.tolist() == [0, 1, 2, 3, 9, 5, 6]
    assert not np.shares_memory(params.flat, other.flat)
