"""Kernels that read their arguments where these were bound."""

import numpy as np
import pytest

pytest.importorskip("numba", reason="the extra 'fast' is not installed")

from rnnx.system.kernels import looking
from rnnx_builtin.kernels.simd.blas_calls import dot_address, squares
from rnnx_builtin.kernels.simd.bound_call import bind, bound
from rnnx_builtin.kernels.simd.compiling import bound_kernel


@bound_kernel
def add(place: object) -> None:
    """out = a + pair[0]ᵀ · pair[1] + n, or only its first row."""
    (a, (pair, is_all, more), n, out) = bound(place)
    for i in range(len(a) if is_all else 1):
        for j in range(a.shape[1]):
            out[i, j] = a[i, j] + pair[0][j, i] * pair[1][j, i] + n + more[0]


@bound_kernel
def square(place: object) -> None:
    """out = a·a by the BLAS."""
    address, a, out = bound(place)
    out[0] = squares(address, a)


def test_a_call_reads_and_writes_what_was_bound() -> None:
    a, out, more = np.arange(6.0).reshape(2, 3), np.zeros((2, 3)), np.array([7], np.int32)
    pair = np.arange(6, dtype=np.float32).reshape(3, 2), np.asfortranarray(np.ones((3, 2)))[::1]
    for is_all in (True, False):
        call = bind(add, (a, (pair, is_all, more), -2, out))
        a += 1
        out[...] = 0
        call()
        expected = a + pair[0].T * pair[1].T - 2 + 7
        np.testing.assert_array_equal(out, expected if is_all else [expected[0], [0, 0, 0]])


def test_a_kernel_that_is_only_listed_is_not_called() -> None:
    out = np.zeros(1, np.float32)
    with looking() as calls:
        bind(square, (0, np.ones(3, np.float32), out))()
    assert [call.name for call in calls] == ["square"] and not out


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_squares_are_those_of_numpy_bit_for_bit(dtype: type) -> None:
    address = dot_address(np.dtype(dtype))
    if not address:
        pytest.skip("NumPy has another BLAS")
    for size in (0, 1, 5, 333, 5277):
        a, out = np.random.default_rng(size).normal(size=size).astype(dtype), np.empty(1, dtype)
        bind(square, (address, a, out))()
        assert out[0] == np.dot(a, a)
