"""Bad input: one line that names the argument, the shape expected and the shape received."""

import pickle
import re
import warnings

import numpy as np
import pytest
from course import CHAR_TO_IX, IX_TO_CHAR, LSTM, RNN, SYMBOLS, draw, some

import rnnx_notebook as notebook
from rnnx.errors import InputError, RnnxError
from rnnx_notebook import cllm_utils, rnn_utils

SMALL = {"Wax": (5, 7), "Waa": (5, 5), "Wya": (7, 5), "b": (5, 1), "by": (7, 1)}
SHAPES = {
    "xt": (3, 10),
    "a_prev": (5, 10),
    "c_prev": (5, 10),
    "x": (3, 10, 4),
    "a0": (5, 10),
    "da": (5, 10, 4),
}


@pytest.fixture
def d() -> dict[str, np.ndarray]:
    return draw(1, {**SHAPES, **RNN, **LSTM})


def message(caught: pytest.ExceptionInfo[RnnxError]) -> str:
    text = str(caught.value)
    assert "\n" not in text
    assert pickle.loads(pickle.dumps(caught.value)).args == caught.value.args
    return text


def rnn_cell(d: dict, p: dict) -> None:
    notebook.rnn_cell_forward(d["xt"], d["a_prev"], p)


def rnn(d: dict, p: dict) -> None:
    notebook.rnn_forward(d["x"], d["a0"], p)


def lstm_cell(d: dict, p: dict) -> None:
    notebook.lstm_cell_forward(d["xt"], d["a_prev"], d["c_prev"], p)


def lstm(d: dict, p: dict) -> None:
    notebook.lstm_forward(d["x"], d["a0"], p)


PARAMETERS = {rnn_cell: RNN, rnn: RNN, lstm_cell: LSTM, lstm: LSTM}


@pytest.mark.parametrize(
    ("call", "name", "shape", "expected"),
    [
        (rnn_cell, "xt", (4, 10), "xt: expected shape (n_x, m) = (3, 10), received (4, 10)"),
        (rnn_cell, "xt", (3,), "xt: expected shape (n_x, m) = (3, m), received (3,)"),
        (rnn_cell, "a_prev", (5, 9), "a_prev: expected shape (n_a, m) = (5, 10), received (5, 9)"),
        (rnn_cell, "Waa", (5, 6), "(n_a, n_a) = (5, 5), received (5, 6)"),
        (rnn_cell, "Wya", (2, 6), "(n_y, n_a) = (2, 5), received (2, 6)"),
        (rnn_cell, "ba", (5,), 'parameters["ba"]: expected shape (n_a, 1) = (5, 1), received (5,)'),
        (rnn_cell, "by", (3, 1), 'parameters["by"]: expected shape (n_y, 1) = (2, 1), received (3'),
        (rnn, "x", (3, 10), "x: expected shape (n_x, m, T_x) = (3, m, T_x), received (3, 10)"),
        (rnn, "a0", (5, 1), "a0: expected shape (n_a, m) = (5, 10), received (5, 1)"),
        (lstm_cell, "xt", (4, 10), "xt: expected shape (n_x, m) = (3, 10), received (4, 10)"),
        (lstm_cell, "c_prev", (4, 10), "c_prev: expected shape (n_a, m) = (5, 10), received (4, 1"),
        (
            lstm_cell,
            "Wi",
            (5, 3),
            'parameters["Wi"]: expected shape (n_a, n_a + n_x) = (5, 8), rec',
        ),
        (
            lstm_cell,
            "bo",
            (1, 5),
            'parameters["bo"]: expected shape (n_a, 1) = (5, 1), received (1',
        ),
        (lstm, "a0", (10, 5), "a0: expected shape (n_a, m) = (5, 10), received (10, 5)"),
        (lstm, "Wy", (2, 4), "= (4, 1), received (5, 1); n_a = 4 comes from parameters"),
        (
            lstm,
            "x",
            (5, 10, 4),
            "x: expected shape (n_x, m, T_x) = (3, 10, 4), received (5, 10, 4)",
        ),
    ],
)
def test_a_wrong_shape(call, name: str, shape: tuple, expected: str, d: dict) -> None:
    d[name] = np.ones(shape)
    with pytest.raises(InputError) as caught:
        call(d, some(d, PARAMETERS[call]))
    assert expected in message(caught)
    assert name in message(caught)


@pytest.mark.parametrize(
    ("call", "name"), [(call, name) for call, shapes in PARAMETERS.items() for name in shapes]
)
def test_a_missing_key(call, name: str, d: dict) -> None:
    parameters = some(d, PARAMETERS[call])
    del parameters[name]
    with pytest.raises(InputError) as caught:
        call(d, parameters)
    assert message(caught).startswith(f'parameters["{name}"]: expected shape (n_')
    assert "received no such key (keys: " in message(caught)


def test_parameters_that_are_no_dictionary(d: dict) -> None:
    for call, shapes in PARAMETERS.items():
        with pytest.raises(InputError, match=r"parameters: expected a dictionary of .*, received"):
            call(d, list(some(d, shapes).values()))
        with pytest.raises(InputError, match=r'^parameters\["\w+"\]: expected an array of numbers'):
            call(d, dict.fromkeys(shapes, "text"))


def test_lstm_weights_without_columns_for_x(d: dict) -> None:
    p = some(d, LSTM)
    p |= {f"W{gate}": np.ones((5, 5)) for gate in "fico"}
    with pytest.raises(InputError, match="n_x at least 1, received 5"):
        lstm(d, p)


def test_the_backward_functions(d: dict) -> None:
    *_, cache = notebook.rnn_cell_forward(d["xt"], d["a_prev"], some(d, RNN))
    *_, caches = notebook.rnn_forward(d["x"], d["a0"], some(d, RNN))
    *_, lstm_cache = notebook.lstm_cell_forward(d["xt"], d["a_prev"], d["c_prev"], some(d, LSTM))
    *_, lstm_caches = notebook.lstm_forward(d["x"], d["a0"], some(d, LSTM))
    wrong = np.ones((4, 10))
    da, state = d["da"], d["a_prev"]
    calls = {
        r"da_next: expected shape \(n_a, m\) = \(5, 10\), received \(4, 10\)": [
            lambda: notebook.rnn_cell_backward(wrong, cache),
            lambda: notebook.lstm_cell_backward(wrong, state, lstm_cache),
        ],
        r"dc_next: expected shape \(n_a, m\) = \(5, 10\), received \(4, 10\)": [
            lambda: notebook.lstm_cell_backward(state, wrong, lstm_cache)
        ],
        r"da: expected shape \(n_a, m, T_x\), received \(4, 10\)": [
            lambda: notebook.rnn_backward(wrong, caches),
            lambda: notebook.lstm_backward(wrong, lstm_caches),
        ],
        r"da: expected shape \(n_a, m, T_x\) = \(5, 10, 4\), received \(5, 9, 4\)": [
            lambda: notebook.rnn_backward(da[:, :9], caches),
            lambda: notebook.lstm_backward(da[:, :9], lstm_caches),
        ],
        r"T_x from 1 to 4, the steps in caches, received \(5, 10, 8\)": [
            lambda: notebook.rnn_backward(np.concatenate([da, da], axis=2), caches),
            lambda: notebook.lstm_backward(np.concatenate([da, da], axis=2), lstm_caches),
        ],
        r"cache: expected the tuple \(a_next, .*, received 3 items": [
            lambda: notebook.rnn_cell_backward(state, cache[:3]),
            lambda: notebook.lstm_cell_backward(state, state, cache[:3]),
        ],
        r"caches: expected the tuple \(\[cache, …\], x\), received 4 items": [
            lambda: notebook.rnn_backward(da, cache)
        ],
        r"caches\[0\]: expected a list": [lambda: notebook.lstm_backward(da, (None, d["x"]))],
        r"cache a_prev: expected shape": [
            lambda: notebook.rnn_cell_backward(state, (cache[0], wrong, *cache[2:]))
        ],
    }
    for expected, failing in calls.items():
        for call in failing:
            with pytest.raises(InputError, match=expected):
                call()


@pytest.mark.parametrize(
    ("X", "Y", "expected"),
    [
        ([None, 7], [1, 0], "X[1]: expected a token of the vocabulary, 0 to 6, received 7"),
        ([7, 1], [1, 0], "X[0]: expected a token of the vocabulary, 0 to 6 or None, received 7"),
        ([1, None], [1, 0], "X[1]: expected a token of the vocabulary, 0 to 6, received None"),
        ([None, -1], [1, 0], "X[1]: expected a token of the vocabulary, 0 to 6, received -1"),
        ([None, 1], [1, 7], "Y[1]: expected a token of the vocabulary, 0 to 6, received 7"),
        ([None, 1], [None, 1], "Y[0]: expected a token of the vocabulary, 0 to 6, received None"),
        ([None, 1.0], [1, 0], "X[1]: expected a token of the vocabulary, 0 to 6, received 1.0"),
        (
            ["a", 1],
            [1, 0],
            "X[0]: expected a token of the vocabulary, 0 to 6 or None, receiv",
        ),
        ([None, 1], [1], "Y: expected shape (2,), as many tokens as X, received (1,)"),
        ([], [], "X: expected at least 1 token, received shape (0,)"),
        (None, [1], "X: expected a list of tokens, received NoneType"),
        (np.array(3), [1], "X: expected shape (T,), received ()"),
        (np.array([[1, 2]]), [1], "X: expected shape (T,), received (1, 2)"),
    ],
)
def test_tokens(X, Y, expected: str) -> None:
    p = draw(1, SMALL)
    a_prev = np.zeros((5, 1))
    cache = cllm_utils.rnn_forward([None, 1], [1, 0], a_prev, p)[1]
    for call in (
        lambda: cllm_utils.rnn_forward(X, Y, a_prev, p),
        lambda: cllm_utils.rnn_backward(X, Y, p, cache),
        lambda: notebook.optimize(X, Y, a_prev, p),
    ):
        with pytest.raises(InputError, match=re.escape(expected)) as caught:
            call()
        message(caught)


def test_the_language_models_arrays() -> None:
    p, X, Y, a_prev = draw(1, SMALL), [None, 1], [1, 0], np.zeros((5, 1))
    with pytest.raises(InputError, match=r"^a_prev: .* = \(5, 1\), received \(4, 1\)"):
        notebook.optimize(X, Y, np.zeros((4, 1)), p)
    for name in SMALL:
        with pytest.raises(InputError, match=rf'parameters\["{name}"\]: .*no such key'):
            notebook.optimize(X, Y, a_prev, {k: v for k, v in p.items() if k != name})
    _, (y_hat, a, x) = cllm_utils.rnn_forward(X, Y, a_prev, p)
    with pytest.raises(InputError, match=r"cache a: .*t from -1 to 1, received none for t = -1"):
        cllm_utils.rnn_backward(X, Y, p, (y_hat, {0: a[0], 1: a[1]}, x))
    with pytest.raises(InputError, match="cache a: expected a dictionary of arrays by t, receiv"):
        cllm_utils.rnn_backward(X, Y, p, (1, 2, 3))
    with pytest.raises(InputError, match=r"cache: expected the tuple \(y_hat, a, x\)"):
        cllm_utils.rnn_backward(X, Y, p, (y_hat, a))


def test_what_is_changed_in_place() -> None:
    p = draw(1, SMALL)
    grads = {f"d{name}": array for name, array in draw(2, SMALL).items()}
    with pytest.raises(InputError, match=r'^gradients\["dWax"\]: .* received no such key'):
        notebook.clip({k: v for k, v in grads.items() if k != "dWax"}, 5)
    with pytest.raises(InputError, match=r'^gradients\["dWax"\]: .* \(5, 7\), received \(5, 6\)'):
        notebook.update_parameters(p, {**grads, "dWax": np.ones((5, 6))}, 0.01)
    with pytest.raises(InputError, match="maxValue: expected a finite number above 0, received 0"):
        notebook.clip(grads, 0)
    with pytest.raises(InputError, match="learning_rate: expected a finite number above 0, rec"):
        notebook.update_parameters(p, grads, -0.01)
    with pytest.raises(InputError, match=r'gradients\["db"\]: expected a writeable array of floa'):
        notebook.clip({**grads, "db": np.ones((5, 1), int)}, 5)
    with pytest.raises(InputError, match=r'parameters\["b"\]: expected a writeable array of floa'):
        notebook.update_parameters({**p, "b": [[0.0]] * 5}, grads, 0.01)


def test_sampling() -> None:
    p = draw(1, SMALL)
    with pytest.raises(InputError, match="char_to_ix: expected an id from 0 to 6 for the newline"):
        notebook.sample(p, {"a": 1}, 0)
    with pytest.raises(InputError, match=r"by.*\(n_x, 1\) = \(7, 1\), received \(6, 1\)"):
        notebook.sample({**p, "by": np.ones((6, 1))}, CHAR_TO_IX, 0)
    with pytest.raises(InputError, match=r"sample_ix: .* ix_to_char \(27 symbols\), received 99"):
        notebook.print_sample([1, 99], IX_TO_CHAR)
    with pytest.raises(InputError, match=r"sample_ix: .*, received \[1\]"):
        notebook.print_sample([[1]], IX_TO_CHAR)
    with pytest.raises(InputError, match="sample_ix: expected a list of ids, received NoneType"):
        notebook.print_sample(None, IX_TO_CHAR)
    with pytest.raises(InputError, match="ix_to_char: expected a dictionary from ids to symbols"):
        notebook.print_sample([1], SYMBOLS)
    for char_to_ix in (None, SYMBOLS):
        with pytest.raises(InputError, match="char_to_ix: expected a dictionary from symbols"):
            notebook.sample(p, char_to_ix, 0)
    for newline in ("0", 0.0, -1, 7):
        with pytest.raises(InputError, match="char_to_ix: expected an id from 0 to 6 for the new"):
            notebook.sample(p, {"\n": newline}, 0)
    for seed in (-1, 0.5, None, 2**32 - 98):
        with pytest.raises(InputError, match="seed: expected a whole number, from 0 to 4294967197"):
            notebook.sample(p, CHAR_TO_IX, seed)
    assert notebook.sample(p, CHAR_TO_IX, 2**32 - 99)
    with pytest.raises(InputError, match=r"parameters: expected finite numbers, .* character 0 Na"):
        notebook.sample({**p, "by": np.full((7, 1), np.nan)}, CHAR_TO_IX, 0)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda: notebook.initialize_parameters(-1, 2, 3), "n_a: expected a whole number, at lea"),
        (lambda: notebook.initialize_parameters(1, 2.5, 3), "n_x: .*, at least 1, received 2.5"),
        (lambda: notebook.initialize_parameters(1, 2, "3"), "n_y: .*, at least 1, received '3'"),
        (lambda: notebook.get_initial_loss(27, None), "seq_length: .* at least 0, received None"),
        (lambda: notebook.smooth(None, 3.0), "^loss: expected a number, received None"),
        (lambda: notebook.smooth(3.0, "a"), "^cur_loss: expected a number, received 'a'"),
    ],
)
def test_numbers(call, expected: str) -> None:
    with pytest.raises(InputError, match=expected) as caught:
        call()
    message(caught)


@pytest.mark.parametrize("value", [None, "a", [[1.0], [1.0, 2.0]], [[None]], np.ones((3, 10)) * 1j])
def test_what_is_no_array_of_numbers(value, d: dict) -> None:
    """None is no NaN, and an imaginary part is not dropped."""
    for call in (
        lambda: notebook.rnn_cell_forward(value, d["a_prev"], some(d, RNN)),
        lambda: rnn_utils.softmax(value),
        lambda: rnn_utils.sigmoid(value),
    ):
        with pytest.raises(
            InputError, match=r"xt?: expected an array of numbers, received "
        ) as got:
            call()
        message(got)


def test_softmax_of_nothing() -> None:
    with pytest.raises(InputError, match="x: expected shape"):
        rnn_utils.softmax(3.0)
    with pytest.raises(InputError, match="vocab_size: expected a finite number above 0"):
        notebook.get_initial_loss(0, 7)


@pytest.mark.filterwarnings("ignore:data")
def test_a_corpus_that_does_not_fit() -> None:
    cases = [
        (["ab"], {}, "data: expected the text of the names, received list"),
        ("", {}, "data: expected at least one line"),
        ("abc\nb1c", {}, "vocab_size = 27, received '1' in 'b1c'"),
        ("abc\nxyz", {"vocab_size": 20}, "with ids below vocab_size = 20, received 'x' in 'xyz'"),
        (
            "abc",
            {"vocab_size": 30},
            "ix_to_char: expected the keys 0 to 29 .*received none for 27",
        ),
        ("abc", {"num_iterations": 2.5}, "num_iterations: expected a whole number, at least 0"),
        ("abc", {"n_a": 0}, "n_a: expected a whole number, at least 1, received 0"),
        ("abc", {"dino_names": -1}, "dino_names: expected a whole number, at least 0, received -1"),
        ("abc", {"vocab_size": 27.0}, "vocab_size: expected a whole number, at least 1, received"),
        ("abc", {"ix_to_char": SYMBOLS}, "ix_to_char: expected a dictionary from ids to symbols"),
        ("abc", {"char_to_ix": None}, "char_to_ix: expected a dictionary from symbols to ids"),
    ]
    for data, more, expected in cases:
        with pytest.raises(InputError, match=expected):
            given = {
                "ix_to_char": IX_TO_CHAR,
                "char_to_ix": CHAR_TO_IX,
                "num_iterations": 1,
                **more,
            }
            notebook.model(data, **given)


def test_another_corpus_runs_and_says_that_the_figures_do_not_apply() -> None:
    with pytest.warns(UserWarning, match="published figures do not apply"):
        p = notebook.model("Ab\ncd\n", IX_TO_CHAR, CHAR_TO_IX, 3, n_a=4)
    assert p["Wax"].shape == (4, 27)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        q = notebook.model("ab\r\n cd", IX_TO_CHAR, CHAR_TO_IX, 3, n_a=4)
    for name in p:  # case, the space around a name and the last newline do not count
        np.testing.assert_array_equal(p[name], q[name])
