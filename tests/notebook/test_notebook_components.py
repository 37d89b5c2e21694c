"""The functions are adapters: they agree with the components and with the equations.

Bit for bit with the components, whose order of operations is theirs; to rounding with the
equations as the course writes them, one step after another.
"""

import numpy as np
import pytest
from course import CHAR_TO_IX, LSTM, RNN, draw, lstm_step, rnn_step, softmax, some

import rnnx_notebook as notebook
from rnnx.contracts.buffers import Parameters, Scratch
from rnnx_builtin.cells import lstm
from rnnx_builtin.cells.vanilla import Vanilla
from rnnx_builtin.clippers.value import Value
from rnnx_builtin.heads.softmax import Reduction, Softmax
from rnnx_builtin.optimizers.sgd import SGD
from rnnx_notebook import cllm_utils, rnn_utils

SMALL = {"Wax": (5, 7), "Waa": (5, 5), "Wya": (7, 5), "b": (5, 1), "by": (7, 1)}


def close(value: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(value, expected, rtol=1e-12, atol=1e-14)


def same(value: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(value, expected)


def time_first(x: np.ndarray) -> np.ndarray:
    return np.moveaxis(x, 2, 0).copy()


def time_last(x: np.ndarray) -> np.ndarray:
    return np.moveaxis(x, 0, 2)


@pytest.mark.parametrize("seed", range(3))
def test_rnn_is_the_vanilla_cell(seed: int) -> None:
    d = draw(seed, {"x": (3, 10, 6), "a0": (5, 10), "da": (5, 10, 6), **RNN})
    p = some(d, RNN)
    a, y, caches = notebook.rnn_forward(d["x"], d["a0"], p)
    cell, params = Vanilla(5), {"Wx": p["Wax"], "Wh": p["Waa"], "b": p["ba"]}
    scratch = Scratch()
    h, _, cache = cell.forward(params, time_first(d["x"]), (d["a0"],), None, scratch)
    same(a, time_last(h))
    logits = Softmax().logits({"Wy": p["Wya"], "by": p["by"]}, h, Scratch())
    same(y, notebook.softmax(time_last(logits)))
    g = notebook.rnn_backward(d["da"], caches)
    dparams, dx, (da0,) = cell.backward(params, cache, time_first(d["da"]), None, scratch)
    same(g["dWax"], dparams["Wx"])
    same(g["dWaa"], dparams["Wh"])
    same(g["dba"], dparams["b"])
    same(g["dx"], time_last(dx))
    same(g["da0"], da0)


@pytest.mark.parametrize("seed", range(3))
def test_lstm_is_the_lstm_cell(seed: int) -> None:
    d = draw(seed, {"x": (3, 10, 6), "a0": (5, 10), "da": (5, 10, 6), **LSTM})
    p = some(d, LSTM)
    a, _, c, caches = notebook.lstm_forward(d["x"], d["a0"], p)
    W = np.concatenate([p[f"W{gate}"] for gate in "ifoc"])
    b = np.concatenate([p[f"b{gate}"] for gate in "ifoc"])
    cell, params = lstm.LSTM(5), {"Wx": W[:, 5:].copy(), "Wh": W[:, :5].copy(), "b": b}
    scratch = Scratch()
    start = (d["a0"], np.zeros((5, 10)))
    h, _, cache = cell.forward(params, time_first(d["x"]), start, None, scratch)
    same(a, time_last(h))
    same(c, time_last(cache.cs[1:]))
    g = notebook.lstm_backward(d["da"], caches)
    dparams, dx, (da0, _) = cell.backward(params, cache, time_first(d["da"]), None, scratch)
    for k, gate in enumerate("ifoc"):
        rows = slice(5 * k, 5 * k + 5)
        same(g[f"dW{gate}"][:, :5], dparams["Wh"][rows])
        same(g[f"dW{gate}"][:, 5:], dparams["Wx"][rows])
        same(g[f"db{gate}"], dparams["b"][rows])
    same(g["dx"], time_last(dx))
    same(g["da0"], da0)


def test_rnn_follows_the_equations() -> None:
    d = draw(11, {"x": (3, 4, 5), "a0": (5, 4), **RNN})
    p = some(d, RNN)
    a, y, _ = notebook.rnn_forward(d["x"], d["a0"], p)
    state = d["a0"]
    for t in range(5):
        one, y_one, _ = notebook.rnn_cell_forward(d["x"][:, :, t], state, p)
        state, y_t = rnn_step(d["x"][:, :, t], state, p)
        close(a[:, :, t], state)
        close(one, state)
        close(y[:, :, t], y_t)
        close(y_one, y_t)


def test_lstm_follows_the_equations() -> None:
    d = draw(12, {"x": (3, 4, 5), "a0": (5, 4), **LSTM})
    p = some(d, LSTM)
    a, y, c, (caches, x) = notebook.lstm_forward(d["x"], d["a0"], p)
    assert x is d["x"]
    before, memory = d["a0"], np.zeros((5, 4))
    for t, cache in enumerate(caches):
        xt = d["x"][:, :, t]
        state, c_t, y_t, (f, i, g, o) = lstm_step(xt, before, memory, p)
        for value, expected in [(a, state), (c, c_t), (y, y_t)]:
            close(value[:, :, t], expected)
        single = notebook.lstm_cell_forward(xt, before, memory, p)
        for value, expected in zip(single[:3], (state, c_t, y_t), strict=True):
            close(value, expected)
        expected_cache = (state, c_t, before, memory, f, i, g, o, xt)
        for of_all, of_one, expected in zip(cache, single[3], expected_cache, strict=False):
            close(of_all, expected)
            close(of_one, expected)
        assert cache[9] is p
        before, memory = state, c_t


def test_softmax_is_the_heads() -> None:
    z = draw(1, {"z": (7, 6)}, scale=3)["z"]
    head = {"Wy": np.eye(7), "by": np.zeros((7, 1))}
    _, _, cache = Softmax().forward(head, z[None], np.zeros((1, 6), int), None, Scratch())
    same(rnn_utils.softmax(z), cache.p)
    close(rnn_utils.softmax(z), softmax(z))
    assert cllm_utils.softmax is rnn_utils.softmax is notebook.softmax


def test_sigmoid_is_the_lstm_cells_gate() -> None:
    z = np.linspace(-20, 20, 81)
    np.testing.assert_allclose(rnn_utils.sigmoid(z), 0.5 * np.tanh(0.5 * z) + 0.5, atol=2e-16)


def test_the_language_model_is_cell_and_head() -> None:
    d = draw(2, {"a_prev": (5, 1), **SMALL})
    X, Y = [None, 3, 1, 6], [3, 1, 6, 0]
    loss, (y_hat, a, x) = cllm_utils.rnn_forward(X, Y, d["a_prev"], some(d, SMALL))
    g, states = cllm_utils.rnn_backward(X, Y, some(d, SMALL), (y_hat, a, x))
    cell, params = Vanilla(5), {"Wx": d["Wax"], "Wh": d["Waa"], "b": d["b"]}
    head, output = Softmax(Reduction.sequence), {"Wy": d["Wya"], "by": d["by"]}
    own, other = Scratch(), Scratch()
    ids = np.array([[-1], [3], [1], [6]])
    h, _, cache = cell.forward(params, ids, (d["a_prev"],), None, own)
    expected, _, graded = head.forward(output, h, np.array(Y)[:, None], None, other)
    assert loss == expected
    dhead, dh = head.backward(output, graded, other)
    dcell, _, _ = cell.backward(params, cache, dh, None, own)
    same(g["dWax"], dcell["Wx"])
    same(g["dWaa"], dcell["Wh"])
    same(g["db"], dcell["b"])
    close(g["dWya"], dhead["Wy"])
    same(g["dby"], dhead["by"])
    assert states is a
    assert (sorted(a), sorted(y_hat), sorted(x)) == ([-1, 0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3])
    same(a[-1], d["a_prev"])
    for t in range(4):
        one_hot = np.zeros((7, 1))
        if X[t] is not None:
            one_hot[X[t]] = 1
        same(x[t], one_hot)
        p = {"Wax": d["Wax"], "Waa": d["Waa"], "ba": d["b"], "Wya": d["Wya"], "by": d["by"]}
        state, y_t = rnn_step(one_hot, a[t - 1], p)
        close(a[t], state)
        close(y_hat[t], y_t)


def test_clip_is_the_value_clipper_and_the_update_is_sgd() -> None:
    p = draw(3, SMALL)
    grads = {f"d{name}": g for name, g in draw(4, SMALL, scale=4).items()}
    params, expected = Parameters({"all": p}), Parameters({"all": grads})
    clipped = notebook.clip(grads, 5)
    assert Value(5.0).clip(expected, float(np.linalg.norm(expected.flat)))
    for name in grads:
        same(clipped[name], expected["all"][name])
    sgd = SGD(0.3)
    sgd.update(params, expected, sgd.init(params), 0.3, 1, Scratch())
    assert notebook.update_parameters(p, clipped, learning_rate=0.3) is p
    for name in p:
        same(p[name], params["all"][name])


def test_optimize_is_its_four_parts() -> None:
    d = draw(6, {"a_prev": (5, 1), **SMALL}, scale=3)
    X, Y = [None, *[2] * 40], [*[2] * 40, 0]
    p, other = some(d, SMALL), {name: d[name].copy() for name in SMALL}
    loss, g, a_last = notebook.optimize(X, Y, d["a_prev"], p, 0.1)
    expected, cache = cllm_utils.rnn_forward(X, Y, d["a_prev"], other)
    grads, a = cllm_utils.rnn_backward(X, Y, other, cache)
    assert max(np.abs(grad).max() for grad in grads.values()) > 5  # clip has work
    grads = notebook.clip(grads, 5)
    cllm_utils.update_parameters(other, grads, 0.1)
    assert loss == expected
    same(a_last, a[len(X) - 1])
    for name in SMALL:
        close(g[f"d{name}"], grads[f"d{name}"])
        close(p[name], other[name])


def test_nothing_but_what_must_change_is_changed() -> None:
    d = draw(7, {"x": (3, 4, 5), "a0": (5, 4), "da": (5, 4, 5), **RNN, **LSTM})
    kept = {name: array.copy() for name, array in d.items()}
    *_, caches = notebook.rnn_forward(d["x"], d["a0"], some(d, RNN))
    notebook.rnn_backward(d["da"], caches)
    *_, caches = notebook.lstm_forward(d["x"], d["a0"], some(d, LSTM))
    notebook.lstm_backward(d["da"], caches)
    for name, array in kept.items():
        same(d[name], array)


def test_results_outlive_the_next_call() -> None:
    d = draw(8, {"x": (3, 4, 5), "a0": (5, 4), "da": (5, 4, 5), **RNN})
    a, y, caches = notebook.rnn_forward(d["x"], d["a0"], some(d, RNN))
    g = notebook.rnn_backward(d["da"], caches)
    kept = [array.copy() for array in (a, y, *g.values())]
    *_, again = notebook.rnn_forward(2 * d["x"], d["a0"], some(d, RNN))
    notebook.rnn_backward(2 * d["da"], again)
    for array, before in zip((a, y, *g.values()), kept, strict=True):
        same(array, before)


def test_a_bias_named_b_serves_as_ba() -> None:
    d = draw(9, {"x": (3, 4, 5), "a0": (5, 4), **RNN})
    p = some(d, RNN)
    a, _, _ = notebook.rnn_forward(d["x"], d["a0"], p)
    p["b"] = p.pop("ba")
    same(notebook.rnn_forward(d["x"], d["a0"], p)[0], a)


def test_sample_draws_from_the_models_distribution() -> None:
    """Step by step: forward, seed, choice, until the newline."""
    p = draw(10, {"Wax": (5, 27), "Waa": (5, 5), "Wya": (27, 5), "b": (5, 1), "by": (27, 1)})
    step = {"ba": p["b"], **p}
    for seed in range(5):
        x, a, expected = np.zeros((27, 1)), np.zeros((5, 1)), []
        while len(expected) < 50 and (not expected or expected[-1] != 0):
            a, y = rnn_step(x, a, step)
            np.random.seed(seed + 2 * len(expected))
            expected.append(np.random.choice(range(27), p=y.ravel()))
            x = np.zeros((27, 1))
            x[expected[-1]] = 1
        assert notebook.sample(p, CHAR_TO_IX, seed) == expected + [0] * (len(expected) == 50)
