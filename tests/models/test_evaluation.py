"""The loss of a whole split is that of its targets one by one, however they are batched."""

from pathlib import Path

import numpy as np
import pytest
from tiny import tiny

import rnnx
from rnnx.data.corpus import Examples, Stream
from rnnx.models import evaluation
from rnnx.models.evaluation import first_tokens
from rnnx.models.trained import Model


@pytest.fixture
def model(names: Path) -> Model:
    more = ["layers=2", "dropout=0.5", "dtype=float64", "steps=2", "cell=gru"]
    return rnnx.train(tiny(names, *more)).model


def nats_of(model: Model, ids: list[int], first: int = -1) -> np.ndarray:
    """−ln p of each id of one sequence, by the equations of the head."""
    x = np.array([first, *ids[:-1]])[:, None]
    states = model.network.initial_state(1, np.float64)
    h, _, _ = model.network.forward(model.params, x, states, None, rnnx.Scratch())
    z = (model.params["head"]["Wy"] @ h + model.params["head"]["by"])[:, :, 0]
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(ids)), ids]


def drawn(model: Model, count: int) -> list[list[int]]:
    """Sequences of 1 … 9 ids."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, len(model.vocabulary), n).tolist() for n in rng.integers(1, 10, count)]


def as_examples(sequences: list[list[int]]) -> Examples:
    lengths = np.array([len(ids) for ids in sequences])
    return Examples(np.concatenate(sequences), np.cumsum(lengths) - lengths, lengths)


@pytest.mark.parametrize("count", [1, 64, 65, 150])
def test_the_loss_of_examples_is_the_mean_over_their_targets(count: int, model: Model) -> None:
    sequences = drawn(model, count)
    expected = np.concatenate([nats_of(model, ids) for ids in sequences]).mean()
    assert model.mean_nats(as_examples(sequences)) == pytest.approx(expected, rel=1e-10)


def test_each_line_has_the_mean_over_its_own_characters(model: Model) -> None:
    vocabulary = model.vocabulary
    texts = [vocabulary.decode(ids).replace("\n", "a") for ids in drawn(model, 150)]
    expected = [nats_of(model, [*vocabulary.encode(t), vocabulary.end_id]).mean() for t in texts]
    np.testing.assert_allclose(model.score(texts), expected, rtol=1e-10)


@pytest.mark.parametrize("length", [4, 7, 12, 100])
def test_a_stream_is_read_on_from_window_to_window(length: int, model: Model) -> None:
    ids = np.concatenate(drawn(model, 3))[:8].tolist()  # so few that they are one column
    expected = nats_of(model, ids[1:], first=ids[0]).mean()
    assert model.mean_nats(Stream(np.array(ids), length)) == pytest.approx(expected, rel=1e-10)


def test_the_first_tokens_are_whole_examples_or_the_beginning_of_a_stream() -> None:
    split = as_examples([[0] * 2, [1] * 3, [2] * 4])
    for most, count in ((1, 1), (2, 1), (3, 2), (5, 2), (6, 3), (8, 3)):
        found = first_tokens(split, most)
        assert isinstance(found, Examples)
        assert len(found) == count
        assert found.targets(0).tolist() == [0, 0]
    stream = Stream(np.arange(9), 5)
    found = first_tokens(stream, 3)
    assert isinstance(found, Stream)
    assert (found.ids.tolist(), found.tokens, found.length) == ([0, 1, 2, 3], 3, 5)
    for whole in (split, stream):
        assert first_tokens(whole, 0) is first_tokens(whole, whole.tokens) is whole
        assert first_tokens(whole, whole.tokens - 1) is not whole


@pytest.mark.parametrize("most", [1, 5, 40])
def test_long_examples_are_read_in_parts(
    most: int, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    sequences = [*drawn(model, 70), *(drawn(model, 40)[k] * 9 for k in (3, 5))]
    expected = [nats_of(model, ids) for ids in sequences]
    monkeypatch.setattr(evaluation, "places", lambda network, dtype: most)
    found = model.mean_nats(as_examples(sequences))
    assert found == pytest.approx(np.concatenate(expected).mean(), rel=1e-10)
    ids = sequences[-1]
    stream = model.mean_nats(Stream(np.array(ids), 12))
    assert stream == pytest.approx(nats_of(model, ids[1:], first=ids[0]).mean(), rel=1e-10)
    vocabulary = model.vocabulary
    texts = [vocabulary.decode(ids).replace("\n", "a") for ids in sequences]
    expected = [nats_of(model, [*vocabulary.encode(t), vocabulary.end_id]) for t in texts]
    means = [nats.mean() for nats in expected]
    np.testing.assert_allclose(model.score(texts), means, rtol=1e-10)
