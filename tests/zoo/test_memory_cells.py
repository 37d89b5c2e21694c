"""Matrix memories and exponential gates: their suites, their equations, their gauges."""

from typing import ClassVar

import numpy as np
import pytest
from lean_suite import LeanSuite
from naive_sequences import check_equations, sigmoid

from rnnx.contracts.buffers import Scratch
from rnnx.errors import ConfigError
from rnnx.testing.cells.case import make_case, run, same_results
from rnnx_zoo import chunks, delta_memory
from rnnx_zoo.gated_delta import GatedDelta
from rnnx_zoo.mlstm import MLSTM
from rnnx_zoo.slstm import SLSTM, ForgetBias

LENGTHS = np.array([4, 0, 2])


class TestSLSTM(LeanSuite):
    component: ClassVar = SLSTM()


class TestMLSTM(LeanSuite):
    component: ClassVar = MLSTM()


class TestGatedDelta(LeanSuite):
    component: ClassVar = GatedDelta()


class TestNegativeDeltaNet(LeanSuite):
    component: ClassVar = GatedDelta(negative_eigenvalues=True, decay=False)


def slstm(p, x, state):
    h, c, n, m = state
    i, f, o, z = np.split(p["Wx"] @ x + p["Wh"] @ h + p["b"], 4)
    m_new = np.maximum(i, m + np.log(sigmoid(f)))
    i, f = np.exp(i - m_new), np.exp(m + np.log(sigmoid(f)) - m_new)
    c, n = f * c + i * np.tanh(z), f * n + i
    return sigmoid(o) * c / n, c, n, m_new


def mlstm(p, x, state):
    (_, C, n, m), heads = state, len(state[3])
    q, k, v, o = np.split(p["Wx"] @ x, 4)
    a = p["Wg"] @ np.concatenate([q, k, v]) + p["bg"]
    o, m_new, hs, Cs, ns = sigmoid(o + p["b"]), np.empty_like(m), [], [], []
    for head in range(heads):
        q_, k_, v_, n_ = (np.split(part, heads)[head][:, 0] for part in (q, k, v, n))
        i, log_f = a[head, 0], np.log(sigmoid(a[heads + head, 0])) + m[head, 0]
        m_new[head] = top = max(i, log_f)
        k_ = k_ / len(k_) ** 0.5
        Cs.append(np.exp(log_f - top) * C[head, ..., 0] + np.exp(i - top) * np.outer(k_, v_))
        ns.append(np.exp(log_f - top) * n_ + np.exp(i - top) * k_)
        hs.append(Cs[-1].T @ q_ / (max(abs(ns[-1] @ q_), np.exp(-top)) + 1e-6))
    column = np.concatenate
    return o * column(hs)[:, None], np.array(Cs)[..., None], column(ns)[:, None], m_new


def gated_delta(sigmas, decay):
    def step(p, x, state):
        S, heads, n = state[1], len(state[1]), len(state[0])
        z, hs, Ss = p["Wx"] @ x, [], []
        gates = (z[3 * n :] + p["b"])[:, 0]
        for head in range(heads):
            q, k, v = (np.split(part, heads)[head][:, 0] for part in np.split(z[: 3 * n], 3))
            k = k / np.sqrt(k @ k + 1e-6)
            beta, kept = sigmas * sigmoid(gates[head]), S[head, ..., 0]
            if decay:
                A = p["A"][head, 0]
                kept = kept * np.exp(-np.exp(A) * np.log1p(np.exp(gates[heads + head])))
            turned = (np.eye(len(k)) - beta * np.outer(k, k)) @ kept
            Ss.append(turned + beta * np.outer(k, v))
            hs.append(Ss[-1].T @ q / len(q) ** 0.5)
        return np.concatenate(hs)[:, None], np.array(Ss)[..., None]

    return step


MATRIX_CELLS = [
    MLSTM(4, heads=2),
    GatedDelta(4, heads=2),
    GatedDelta(6, negative_eigenvalues=True),
    GatedDelta(6, negative_eigenvalues=True, decay=False),
]


@pytest.mark.parametrize("lengths", [None, np.array([70, 0, 13])])
@pytest.mark.parametrize("cell", MATRIX_CELLS, ids=str)
def test_chunks_are_the_steps_one_by_one(cell, lengths, monkeypatch) -> None:
    """Of any length: h, the final state, and all gradients from random ones by all of these."""
    case = make_case(cell, np.float64, False, 1, (70, 3, 3, cell.hidden_size))
    found = {}
    for length in (1, 3, chunks.LENGTH, 70):
        monkeypatch.setattr(chunks, "LENGTH", length)
        monkeypatch.setattr(delta_memory, "SMALL", 1 + length // 4)
        found[length] = run(case, lengths)
    for length, result in found.items():
        same_results(result, found[1], f"chunks of {length}", np.float64)


@pytest.mark.parametrize("cell", MATRIX_CELLS, ids=str)
def test_a_state_from_a_file_gives_the_bits_of_one_that_was_handed_on(cell) -> None:
    """A final state is a view with the columns first in memory; a checkpoint has them last."""
    case = make_case(cell, np.float32, False, 3, (9, 33, 3, 12))
    start = case.cell.initial_state(33, np.float32)
    _, handed, _ = case.cell.forward(case.params, case.x, start, None, Scratch())
    stored = tuple(np.array(array, order="C") for array in handed)
    one, other = (run(case, state=state, dstate=state) for state in (handed, stored))
    np.testing.assert_equal(other._asdict(), one._asdict())


@pytest.mark.parametrize("size", [30.0, -30.0])
def test_a_delta_memory_keeps_its_precision_where_gates_are_shut_or_open(size) -> None:
    """β and a of 0 and of 1, or 2, to within rounding: float32 is near float64."""
    for options in ({}, {"negative_eigenvalues": True}, {"decay": False}):
        cell = GatedDelta(6, **options)
        exact = make_case(cell, np.float64, False, 2, (150, 3, 3, 6))
        exact.params["b"] += size
        single = make_case(cell, np.float32, False, 2, (150, 3, 3, 6))
        single.params["b"] += np.float32(size)
        for a, b in zip(run(single).dparams.values(), run(exact).dparams.values(), strict=True):
            assert np.abs(a - b).max() <= 1e-3 * max(1, np.abs(b).max())


def positive_normaliser(state):
    h, c, n, m = state
    return h, c, np.abs(n) + 0.5, m


@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize(
    ("cell", "step", "prepare"),
    [
        (SLSTM(5), slstm, positive_normaliser),
        (MLSTM(4, heads=2), mlstm, None),
        (GatedDelta(4), gated_delta(1, True), None),
        (GatedDelta(4, heads=2, negative_eigenvalues=True), gated_delta(2, True), None),
        (GatedDelta(4, decay=False), gated_delta(1, False), None),
    ],
)
def test_a_cell_is_its_papers_equations(cell, step, prepare, lengths) -> None:
    check_equations(cell, step, 3, prepare, lengths)


@pytest.mark.parametrize("cell", [SLSTM(5), MLSTM(4, heads=2)])
def test_the_stabiliser_is_a_gauge(cell) -> None:
    """The memory and its normaliser e^−δ as large, m + δ: the same state, the same h."""
    rng, delta = np.random.default_rng(0), 1.7
    p, x = cell.init(rng, 3, np.float64), rng.normal(size=(8, 3, 2))
    h0, C, n, m = (rng.normal(size=s.shape) for s in cell.initial_state(2, np.float64))
    small = np.exp(-delta)
    first, _, _ = cell.forward(p, x, (h0, C, n, m), None, Scratch())
    second, _, _ = cell.forward(p, x, (h0, small * C, small * n, m + delta), None, Scratch())
    np.testing.assert_allclose(second, first, rtol=1e-4 if isinstance(cell, MLSTM) else 1e-12)


@pytest.mark.parametrize("cell", [SLSTM(5), MLSTM(4, heads=2)])
@pytest.mark.parametrize("size", [1e3, -1e3])
def test_exponents_of_any_size_give_numbers(cell, size) -> None:
    """In float32, whose e^x ends at x = 88."""
    rng = np.random.default_rng(0)
    p = cell.init(rng, 3, np.float32)
    b = p["b"] if isinstance(cell, SLSTM) else p["bg"]
    b[: len(b) // (4 if isinstance(cell, SLSTM) else 2)] += np.float32(size)
    x, state = rng.normal(size=(20, 3, 2)).astype(np.float32), cell.initial_state(2, np.float32)
    h, final, cache = cell.forward(p, x, state, None, Scratch())
    grads, dx, _ = cell.backward(p, cache, np.ones_like(h), None, Scratch())
    assert all(np.isfinite(a).all() for a in (h, dx, *final, *grads.values()))
    assert np.abs(h).max() <= 1 or isinstance(cell, MLSTM)


def test_slstm_is_a_mean_of_what_it_wrote() -> None:
    """Without recurrent weights, h / σ(o) is a mean of tanh(z), by weights e^(i + Σ ln f)."""
    rng, cell = np.random.default_rng(0), SLSTM(4)
    p, x = cell.init(rng, 3, np.float64), rng.normal(size=(12, 3, 1))
    h, _, cache = cell.forward(p, x, cell.initial_state(1, np.float64), None, Scratch())
    i, f, o, z = np.split((p["Wx"] @ x + p["b"])[..., 0], 4, axis=1)
    kept = np.cumsum(np.log(sigmoid(f))[::-1], axis=0)[::-1]  # from step t on
    later = np.concatenate([kept[1:], np.zeros_like(kept[:1])])
    weights = np.exp(i + later)
    mean = (weights * np.tanh(z)).sum(axis=0) / weights.sum(axis=0)
    np.testing.assert_allclose(h[-1, :, 0], sigmoid(o[-1]) * mean, rtol=1e-10)
    shares = cell.gates(cache)
    np.testing.assert_allclose(shares["i"][0], 1)
    np.testing.assert_allclose(shares["i"][-1, :, 0], weights[-1] / weights.sum(axis=0), rtol=1e-9)


def test_mlstm_is_its_parallel_form() -> None:
    """Attention whose weights are the gates': D[t, s] = i[s] + Σ ln f from s + 1 to t."""
    rng, cell, T = np.random.default_rng(0), MLSTM(4), 12
    p, x = cell.init(rng, 3, np.float64), rng.normal(size=(T, 3, 1))
    p["Wg"] += rng.normal(size=p["Wg"].shape)
    h, _, _ = cell.forward(p, x, cell.initial_state(1, np.float64), None, Scratch())
    q, k, v, o = np.split((p["Wx"] @ x)[..., 0], 4, axis=1)
    i, f = (p["Wg"] @ np.concatenate([q, k, v], axis=1).T) + p["bg"]
    total = np.cumsum(np.log(sigmoid(f)))
    D = np.where(np.tri(T, dtype=bool), total[:, None] - total + i, -np.inf)
    top = D.max(axis=1, keepdims=True)
    weights = q @ k.T / 2 * np.exp(D - top)
    below = np.maximum(np.abs(weights.sum(axis=1, keepdims=True)), np.exp(-top)) + 1e-6
    np.testing.assert_allclose(h[..., 0], sigmoid(o) * (weights / below @ v), rtol=1e-4)


def test_a_delta_memory_replaces_what_it_held_under_a_key() -> None:
    """With β = 1 and a = 1, a key read again gives its last value, whatever was there."""
    cell, n = GatedDelta(4, decay=False), 4
    p = {"Wx": np.zeros((13, 9)), "b": np.full((1, 1), 40.0)}
    p["Wx"][:4, 8] = p["Wx"][4:8, 8] = [2.0, 0, 0, 0]  # input 8: the question and key 0
    p["Wx"][8:12, :4] = np.eye(4)
    x = np.zeros((3, 9, 1))
    x[0, :4, 0], x[1, :4, 0], x[:, 8] = [1, 2, 3, 4], [5, 6, 7, 8], 1
    p["Wx"][12, 7], x[2, 7] = -80, 1  # the last step reads and writes nothing
    h, _, cache = cell.forward(p, x, cell.initial_state(1, np.float64), None, Scratch())
    np.testing.assert_allclose(h[2, :, 0], 2 * np.array([5, 6, 7, 8]) / n**0.5, rtol=1e-6)
    np.testing.assert_allclose(cell.gates(cache)["b"][:, 0, 0], [1, 1, 0], atol=1e-12)


def test_with_twice_the_gate_a_step_reflects_the_memory() -> None:
    """β = 2 changes the sign of what a key holds; this is the parity, which σ alone cannot have."""
    cell = GatedDelta(2, decay=False, negative_eigenvalues=True)
    p = {"Wx": np.zeros((7, 2)), "b": np.full((1, 1), 40.0)}
    p["Wx"][:2], p["Wx"][2:4, 1] = [[1, 1], [0, 0]], [1, 0]  # the key of a 1 alone is not zero
    bits = np.random.default_rng(0).integers(0, 2, (300, 4))
    state = np.zeros((2, 4)), np.zeros((1, 2, 2, 4))
    state[1][0, 0, 0] = 1
    h, _, _ = cell.forward(p, bits, state, None, Scratch())
    np.testing.assert_array_equal(h[:, 0] < 0, np.cumsum(bits, axis=0) % 2)


@pytest.mark.parametrize(
    ("cell", "options", "field"),
    [
        (SLSTM, {"hidden_size": 0}, "hidden_size"),
        (SLSTM, {"depth": 1.1}, "depth"),
        (MLSTM, {"heads": 3}, "heads"),
        (GatedDelta, {"heads": 0}, "heads"),
    ],
)
def test_a_range_is_checked(cell, options, field) -> None:
    with pytest.raises(ConfigError, match=f"^{field}="):
        cell(**options)


def test_forget_biases_begin_as_published() -> None:
    rng = np.random.default_rng(0)
    b = SLSTM(5).init(rng, 3, np.float64)["b"]
    np.testing.assert_allclose(b[5:10, 0], 5 - 12 * (np.arange(5) / 4) ** 0.3)
    assert not b[:5].any() and not b[10:].any()
    deep = SLSTM(5, depth=1.0).init(rng, 3, np.float64)["b"]
    np.testing.assert_allclose(deep[5:10, 0], 5 - 12 * (np.arange(5) / 4) ** 1.6)
    linear = SLSTM(5, forget_bias=ForgetBias.linear).init(rng, 3, np.float64)["b"]
    np.testing.assert_allclose(linear[5:10, 0], [3, 3.75, 4.5, 5.25, 6])
    np.testing.assert_allclose(MLSTM(4, heads=2).init(rng, 3, np.float64)["bg"][2:, 0], [3, 6])
