"""Every gradient against central differences in float64, to 1e-7.

This is what decides about lstm_backward, whose older published tables come from a form in which
neither dc nor da reaches the step before.
"""

from collections.abc import Callable

import numpy as np
import pytest
from course import LSTM, RNN, draw, some

import rnnx_notebook as notebook
from rnnx_notebook import cllm_utils

STEP = 1e-5


def numerical(loss: Callable[[], float], array: np.ndarray) -> np.ndarray:
    """dloss/darray by central differences; ``array`` is put back."""
    grad = np.empty_like(array)
    for place in np.ndindex(array.shape):
        kept = array[place]
        array[place] = kept + STEP
        above = loss()
        array[place] = kept - STEP
        grad[place] = (above - loss()) / (2 * STEP)
        array[place] = kept
    return grad


def agrees(analytic: np.ndarray, loss: Callable[[], float], array: np.ndarray) -> None:
    expected = numerical(loss, array)
    assert analytic.shape == expected.shape
    error = np.linalg.norm(analytic - expected)
    assert error <= 1e-7 * (np.linalg.norm(analytic) + np.linalg.norm(expected))
    assert np.linalg.norm(expected) > 0


def inputs(seed: int, shapes: dict, weights: dict) -> dict:
    """Half-size draws: saturated units would hide an error."""
    return draw(seed, {**shapes, **weights}, scale=0.5)


def test_rnn_cell_backward() -> None:
    d = inputs(5, {"xt": (3, 4), "a_prev": (5, 4), "da": (5, 4)}, RNN)
    p = some(d, RNN)

    def loss() -> float:
        return float(np.sum(notebook.rnn_cell_forward(d["xt"], d["a_prev"], p)[0] * d["da"]))

    g = notebook.rnn_cell_backward(d["da"], notebook.rnn_cell_forward(d["xt"], d["a_prev"], p)[-1])
    wanted = {"dxt": d["xt"], "da_prev": d["a_prev"]}
    wanted |= {"dWax": p["Wax"], "dWaa": p["Waa"], "dba": p["ba"]}
    assert list(g) == list(wanted)
    for name, array in wanted.items():
        agrees(g[name], loss, array)


@pytest.mark.parametrize("T", [6, 3], ids=["all steps", "the first steps"])
def test_rnn_backward(T: int) -> None:
    d = inputs(6, {"x": (3, 4, 6), "a0": (5, 4), "da": (5, 4, T)}, RNN)
    p = some(d, RNN)

    def loss() -> float:
        return float(np.sum(notebook.rnn_forward(d["x"], d["a0"], p)[0][:, :, :T] * d["da"]))

    g = notebook.rnn_backward(d["da"], notebook.rnn_forward(d["x"], d["a0"], p)[-1])
    agrees(g["dx"], loss, d["x"][:, :, :T])
    wanted = {"da0": d["a0"], "dWax": p["Wax"], "dWaa": p["Waa"], "dba": p["ba"]}
    assert list(g) == ["dx", *wanted]
    for name, array in wanted.items():
        agrees(g[name], loss, array)


WEIGHTS = ["Wf", "bf", "Wi", "bi", "Wc", "bc", "Wo", "bo"]


def test_lstm_cell_backward() -> None:
    state = (5, 4)
    shapes = {"xt": (3, 4), "a_prev": state, "c_prev": state, "da": state, "dc": state}
    d = inputs(7, shapes, LSTM)
    p = some(d, LSTM)

    def forward() -> tuple:
        return notebook.lstm_cell_forward(d["xt"], d["a_prev"], d["c_prev"], p)

    def loss() -> float:
        a, c, _, _ = forward()
        return float(np.sum(a * d["da"]) + np.sum(c * d["dc"]))

    g = notebook.lstm_cell_backward(d["da"], d["dc"], forward()[-1])
    wanted = {"dxt": d["xt"], "da_prev": d["a_prev"], "dc_prev": d["c_prev"]}
    wanted |= {f"d{name}": p[name] for name in WEIGHTS}
    assert list(g) == list(wanted)
    for name, array in wanted.items():
        agrees(g[name], loss, array)


@pytest.mark.parametrize("T", [6, 3], ids=["all steps", "the first steps"])
def test_lstm_backward(T: int) -> None:
    d = inputs(8, {"x": (3, 4, 6), "a0": (5, 4), "da": (5, 4, T)}, LSTM)
    p = some(d, LSTM)

    def loss() -> float:
        return float(np.sum(notebook.lstm_forward(d["x"], d["a0"], p)[0][:, :, :T] * d["da"]))

    g = notebook.lstm_backward(d["da"], notebook.lstm_forward(d["x"], d["a0"], p)[-1])
    agrees(g["dx"], loss, d["x"][:, :, :T])
    wanted = {"da0": d["a0"], **{f"d{name}": p[name] for name in WEIGHTS}}
    assert list(g) == ["dx", *wanted]
    for name, array in wanted.items():
        agrees(g[name], loss, array)


@pytest.mark.parametrize(
    "X", [[None, 3, 1, 6, 0], [2, 2, 5, 0, 1]], ids=["from zero", "from an id"]
)
def test_the_language_model(X: list) -> None:
    shapes = {"Wax": (5, 7), "Waa": (5, 5), "Wya": (7, 5), "b": (5, 1), "by": (7, 1)}
    d = inputs(9, {"a_prev": (5, 1)}, shapes)
    p = some(d, shapes)
    Y = [3, 1, 6, 0, 4]

    def loss() -> float:
        return cllm_utils.rnn_forward(X, Y, d["a_prev"], p)[0]

    g, _ = cllm_utils.rnn_backward(X, Y, p, cllm_utils.rnn_forward(X, Y, d["a_prev"], p)[1])
    for name, array in p.items():
        agrees(g[f"d{name}"], loss, array)
    agrees(g["da_next"], loss, d["a_prev"])
