"""Cells whose gates see the input alone: their suites, their equations, their parallel forms."""

from typing import ClassVar

import numpy as np
import pytest
from lean_suite import LeanSuite
from naive_sequences import check_equations, sigmoid

from rnnx.contracts.buffers import Scratch
from rnnx_zoo.min_gru import MinGRU

LENGTHS = np.array([6, 0, 3])


class TestMinGRU(LeanSuite):
    component: ClassVar = MinGRU()


def g(a):
    return np.where(a >= 0, a + 0.5, sigmoid(a))


def min_gru(p, x, state):
    (h,), n = state, len(state[0])
    a = p["Wx"] @ x + p["b"]
    z = sigmoid(a[:n])
    return ((1 - z) * h + z * g(a[n:]),)


@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize(("cell", "step"), [(MinGRU(5), min_gru)])
def test_a_cell_is_its_papers_equations(cell, step, lengths) -> None:
    check_equations(cell, step, 3, lengths=lengths)


def softplus(a):
    return np.logaddexp(0, a)


def log_g(a):
    return np.where(a >= 0, np.log(np.maximum(a, 0) + 0.5), -softplus(-a))


def by_prefix_sums(log_keep, log_write, h):
    """The paper's parallel form: h⟨t⟩ = exp(K⟨t⟩ + log Σ_s exp(w⟨s⟩ − K⟨s⟩)), K = Σ log k."""
    K = np.cumsum(log_keep, axis=0)
    before = np.broadcast_to(np.log(h), K[:1].shape)
    sums = np.logaddexp.accumulate(np.concatenate([before, log_write - K]))[1:]
    return np.exp(K + sums)


def test_min_gru_is_its_parallel_form() -> None:
    rng, cell = np.random.default_rng(0), MinGRU(5)
    p, x = cell.init(rng, 3, np.float64), rng.normal(size=(40, 3, 2))
    h0 = rng.uniform(0.1, 2, size=(5, 2))
    a = p["Wx"] @ x + p["b"]
    expected = by_prefix_sums(-softplus(a[:, :5]), -softplus(-a[:, :5]) + log_g(a[:, 5:]), h0)
    h, _, _ = cell.forward(p, x, (h0,), None, Scratch())
    np.testing.assert_allclose(h, expected, rtol=1e-10)
