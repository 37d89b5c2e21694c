"""A head for several symbols at once, beside a softmax a symbol."""

import numpy as np
import pytest

import rnnx
from rnnx.contracts.buffers import Scratch
from rnnx.data.metrics import Prediction
from rnnx.data.targets import bits, classes, values
from rnnx_builtin.heads.softmax import Softmax
from rnnx_tasks.several_symbols import SeveralSymbols


def test_loss_and_gradients_are_those_of_a_softmax_for_each_symbol() -> None:
    rng, k, V, T, n_a, B = np.random.default_rng(0), 3, 4, 5, 6, 7
    h, strings = rng.normal(size=(T, n_a, B)), rng.integers(0, V, (k, B))
    lengths, weights = np.array([5, 5, 4, 3, 3, 2, 1]), rng.random(B)
    head = SeveralSymbols(V)
    params = head.init(rng, n_a, k * V, np.float64)
    y = (strings[:, None] == np.arange(V)[:, None]).reshape(k * V, B).astype(float)
    loss, losses, cache = head.measure(params, h, y, lengths, weights, Scratch())
    dparams, dh = head.backward(params, cache, Scratch())
    of_each = []
    for place in range(k):
        block = slice(place * V, (place + 1) * V)
        own = {name: value[block] for name, value in params.items()}
        one = Softmax().measure(own, h, strings[place], lengths, weights, Scratch())
        gradients, dh_of_it = Softmax().backward(own, one[2], Scratch())
        of_each.append((one[0], one[1].copy(), dh_of_it.copy()))
        for name, value in gradients.items():
            np.testing.assert_allclose(dparams[name][block], value, rtol=1e-12, atol=1e-15)
    assert loss == pytest.approx(sum(one[0] for one in of_each), rel=1e-12)
    np.testing.assert_allclose(losses, sum(one[1] for one in of_each), rtol=1e-12)
    np.testing.assert_allclose(dh, sum(one[2] for one in of_each), rtol=1e-12, atol=1e-15)


def test_one_bit_of_each_symbol_is_predicted_and_probabilities_add_up_to_one() -> None:
    rng, head = np.random.default_rng(1), SeveralSymbols(4)
    params = head.init(rng, 6, 12, np.float64)
    y, p = head.predict(params, rng.normal(size=(5, 6, 7)), None, True, Scratch())
    assert y.shape == p.shape == (12, 7) and set(np.unique(y)) == {0, 1}
    np.testing.assert_array_equal(y.reshape(3, 4, 7).sum(axis=1), 1)
    np.testing.assert_allclose(p.reshape(3, 4, 7).sum(axis=1), 1)
    np.testing.assert_array_equal(
        p.reshape(3, 4, 7).argmax(axis=1), y.reshape(3, 4, 7).argmax(axis=1)
    )


def test_it_counts_symbols_and_whole_answers_by_weight() -> None:
    y = np.array([[1, 0, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 0, 1]], float).T  # (4, 4)
    guess = np.array([[1, 0, 0, 1], [1, 0, 0, 1], [1, 0, 1, 0], [0, 1, 1, 0]], float).T
    metrics = SeveralSymbols(2).metrics(bits("abcd", True))
    found = metrics.values(metrics.sums(Prediction(guess), y, np.array([1.0, 2, 4, 0])))
    assert found == {"accuracy": (1 + 2 / 2) / 7, "sequence_accuracy": 1 / 7}
    assert metrics.values(np.zeros(3)) == {}


def test_it_takes_blocks_of_bits_only() -> None:
    head = SeveralSymbols(4)
    assert head.takes(bits("abcdefgh", True)) and not head.takes(bits("abcdef"))
    assert not head.takes(classes("ab")) and not head.takes(values(["a"] * 1))


def test_selective_copy_is_learned_at_once() -> None:
    result = rnnx.train(
        [
            "dataset=selective_copy",
            "dataset.answer=at_once",
            "dataset.items=1",
            "dataset.symbols=3",
            "dataset.lengths.longest=6",
            "dataset.held_out=50",
            "head=several_symbols",
            "head.symbols=3",
            "cell=gru",
            "cell.hidden_size=16",
            "optimizer.learning_rate=0.02",
            "steps=120",
            "dropout=0",
            "batch_size=32",
            "tracker=none",
            "samples=0",
            "seed=0",
        ]
    )
    assert result.metrics["final/val_sequence_accuracy"] > 0.9
