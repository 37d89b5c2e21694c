"""Cells whose gates see the input alone: their suites, their equations, their parallel forms."""

from typing import ClassVar

import numpy as np
import pytest
from lean_suite import LeanSuite
from naive_sequences import check_equations, sigmoid

from rnnx.contracts.buffers import Scratch
from rnnx.errors import ConfigError
from rnnx_zoo.lru import LRU
from rnnx_zoo.min_gru import MinGRU
from rnnx_zoo.min_lstm import MinLSTM
from rnnx_zoo.rg_lru import RGLRU
from rnnx_zoo.sru import SRU

LENGTHS = np.array([4, 0, 2])


class TestMinGRU(LeanSuite):
    component: ClassVar = MinGRU()


class TestMinLSTM(LeanSuite):
    component: ClassVar = MinLSTM()


class TestSRU(LeanSuite):
    component: ClassVar = SRU()


class TestLRU(LeanSuite):
    component: ClassVar = LRU()


class TestRGLRU(LeanSuite):
    component: ClassVar = RGLRU()


def g(a):
    return np.where(a >= 0, a + 0.5, sigmoid(a))


def min_gru(p, x, state):
    (h,), n = state, len(state[0])
    a = p["Wx"] @ x + p["b"]
    z = sigmoid(a[:n])
    return ((1 - z) * h + z * g(a[n:]),)


def min_lstm(p, x, state):
    (h,), n = state, len(state[0])
    a = p["Wx"] @ x + p["b"]
    f, i = sigmoid(a[:n]), sigmoid(a[n : 2 * n])
    return (f / (f + i) * h + i / (f + i) * g(a[2 * n :]),)


def sru(p, x, state):
    (_, c), n = state, len(state[0])
    a, (vf, vr), (bf, br) = p["Wx"] @ x, np.split(p["v"], 2), np.split(p["b"], 2)
    f = sigmoid(a[n : 2 * n] + vf * c + bf)
    r = sigmoid(a[2 * n : 3 * n] + vr * c + br)
    c = f * c + (1 - f) * a[:n]
    return r * c + (1 - r) * 3**0.5 * (x if len(x) == n else a[3 * n :]), c


def lru(p, x, state):
    n, s = len(state[0]), state[1] + 1j * state[2]
    B, C = p["B"][:n] + 1j * p["B"][n:], p["C"][:, :n] + 1j * p["C"][:, n:]
    s = np.exp(-np.exp(p["nu"]) + 1j * np.exp(p["theta"])) * s + np.exp(p["gamma"]) * (B @ x)
    return (C @ s).real + (p["D"] * x if len(x) == n else p["D"] @ x), s.real, s.imag


def rg_lru(p, x, state):
    (h,), n = state, len(state[0])
    u = x if len(x) == n else p["Wx"] @ x + p["b"]
    i, r = np.split(sigmoid(p["Wg"] @ u + p["bg"]), 2)
    a = np.exp(-8 * r * np.log1p(np.exp(p["Lambda"])))
    return (a * h + np.sqrt(1 - a**2) * i * u,)


@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("n_x", [3, 5])
@pytest.mark.parametrize(
    ("cell", "step"),
    [
        (MinGRU(5), min_gru),
        (MinLSTM(5), min_lstm),
        (SRU(5), sru),
        (LRU(5), lru),
        (RGLRU(5), rg_lru),
    ],
)
def test_a_cell_is_its_papers_equations(cell, step, n_x, lengths) -> None:
    check_equations(cell, step, n_x, lengths=lengths)


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


def test_min_lstm_is_its_parallel_form() -> None:
    rng, cell = np.random.default_rng(0), MinLSTM(5)
    p, x = cell.init(rng, 3, np.float64), rng.normal(size=(40, 3, 2))
    h0 = rng.uniform(0.1, 2, size=(5, 2))
    f, i, n = np.split(p["Wx"] @ x + p["b"], 3, axis=1)
    apart = softplus(-f) - softplus(-i)  # ln i − ln f
    expected = by_prefix_sums(-softplus(apart), -softplus(-apart) + log_g(n), h0)
    h, _, _ = cell.forward(p, x, (h0,), None, Scratch())
    np.testing.assert_allclose(h, expected, rtol=1e-10)


def test_min_lstm_with_closed_gates_is_a_number() -> None:
    """f = i = e^−40 is 0 to within rounding of float32, and f / (f + i) one half."""
    cell = MinLSTM(1)
    p = {"Wx": np.zeros((3, 1), np.float32), "b": np.float32([[-40], [-40], [0.5]])}
    h, _, cache = cell.forward(
        p, np.zeros((2, 1, 1), np.float32), (np.zeros((1, 1), np.float32),), None, Scratch()
    )
    np.testing.assert_allclose(h.ravel(), [0.5, 0.75])
    np.testing.assert_allclose(cell.gates(cache)["f"].ravel(), [0.5, 0.5])


def test_an_lru_is_a_sum_of_powers_of_its_eigenvalues() -> None:
    rng, cell, T = np.random.default_rng(0), LRU(4, r_min=0.5), 30
    p, x = cell.init(rng, 3, np.float64), rng.normal(size=(T, 3, 2))
    eigenvalues = np.exp(-np.exp(p["nu"]) + 1j * np.exp(p["theta"]))  # (n_a, 1)
    assert (np.abs(eigenvalues) >= 0.5).all() and (np.abs(eigenvalues) < 1).all()
    np.testing.assert_allclose(np.exp(p["gamma"]), np.sqrt(1 - np.abs(eigenvalues) ** 2))
    B, C = p["B"][:4] + 1j * p["B"][4:], p["C"][:, :4] + 1j * p["C"][:, 4:]
    powers = [eigenvalues ** (T - 1 - t) * np.exp(p["gamma"]) * (B @ x[t]) for t in range(T)]
    h, _, _ = cell.forward(p, x, cell.initial_state(2, np.float64), None, Scratch())
    np.testing.assert_allclose(h[-1], (C @ sum(powers)).real + p["D"] @ x[-1], rtol=1e-9)


def test_rg_lru_keeps_the_variance_of_what_it_takes_in() -> None:
    """√(1 − a²) is exact where a is 1 to within rounding, and its slope there is bounded."""
    cell, f32 = RGLRU(1), np.float32
    p = {"Wg": np.zeros((2, 1), f32), "bg": f32([[50], [0]]), "Lambda": f32([[-20]])}
    x, state = np.ones((1, 1, 1), f32), (np.zeros((1, 1), f32),)
    h, _, cache = cell.forward(p, x, state, None, Scratch())
    assert cell.gates(cache)["a"] == 1
    np.testing.assert_allclose(h, np.sqrt(-np.expm1(-8 * np.log1p(np.exp(-20.0)))), rtol=1e-5)
    grads, _, _ = cell.backward(p, cache, np.ones_like(h), None, Scratch())
    assert all(np.isfinite(array).all() for array in grads.values())
    assert abs(grads["Lambda"][0, 0]) <= 1000 * 8 * np.exp(-20)


def test_an_sru_begins_with_the_variance_of_its_input() -> None:
    rng, cell = np.random.default_rng(0), SRU(400)
    p, x = cell.init(rng, 400, np.float64), rng.normal(size=(1, 400, 50))
    h, _, _ = cell.forward(p, x, cell.initial_state(50, np.float64), None, Scratch())
    assert h.var() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    ("cell", "options", "field"),
    [
        (MinGRU, {"hidden_size": 0}, "hidden_size"),
        (MinLSTM, {"forget_bias": np.inf}, "forget_bias"),
        (SRU, {"highway_bias": 51}, "highway_bias"),
        (LRU, {"r_min": 1.0}, "r_min"),
        (LRU, {"r_max": 1.5}, "r_max"),
        (LRU, {"phase": 0}, "phase"),
        (RGLRU, {"hidden_size": 0}, "hidden_size"),
    ],
)
def test_a_range_is_checked(cell, options, field) -> None:
    with pytest.raises(ConfigError, match=f"^{field}="):
        cell(**options)
