"""The weights' gradient against a plain sum over the steps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnx.contracts.buffers import Scratch
from rnnx_builtin.numerics.whole_sequence import ONE_HOT_MAX, OneHot, weight_gradients

few = st.integers(1, 5)


@given(T=st.integers(1, 40), n=few, n_a=few, B=few, n_x=few, seed=st.integers(0, 99))
def test_a_sum_in_pieces_is_the_sum(T: int, n: int, n_a: int, B: int, n_x: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    dz, h = rng.standard_normal((T, n, B)), rng.standard_normal((T, n_a, B))
    for x in (rng.integers(-1, n_x, (T, B)), rng.standard_normal((T, n_x, B))):
        dense = x if x.ndim == 3 else (np.arange(n_x)[:, None] == x[:, None]).astype(float)
        dWx, dWh, db = weight_gradients(dz, h, x, n_x, None, Scratch())
        np.testing.assert_allclose(dWx, np.einsum("tnb,txb->nx", dz, dense), atol=1e-12)
        np.testing.assert_allclose(dWh, np.einsum("tnb,tab->na", dz, h), atol=1e-12)
        np.testing.assert_allclose(db, dz.sum(axis=(0, 2))[:, None], atol=1e-12)


@pytest.mark.parametrize("low", [-1, 0])
def test_of_many_symbols_only_those_that_occur_are_multiplied(low: int) -> None:
    rng, n_x = np.random.default_rng(0), 10 * ONE_HOT_MAX
    x, dz = rng.integers(low, 7, (3, 4)) * 100, rng.standard_normal((3, 2, 4))
    x[x < 0] = -1
    rows = OneHot(x, n_x)
    assert rows.count <= 7
    dWx, _, _ = weight_gradients(dz, dz, x, n_x, None, Scratch())
    one_hot = (np.arange(n_x)[:, None] == x[:, None]).astype(float)
    np.testing.assert_allclose(dWx, np.einsum("tnb,txb->nx", dz, one_hot), atol=1e-12)
