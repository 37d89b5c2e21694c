"""The network and n-grams together: by the formula, named apart, and on the run's own data."""

import math
from pathlib import Path

import numpy as np
import pytest
from tiny import tiny

import rnnx
from rnnx.cli.models import evaluate as evaluate_command
from rnnx.cli.models import sample as sample_command
from rnnx.data.corpus import Examples, Stream
from rnnx.data.ngram import KneserNey
from rnnx.errors import ConfigError, DataError
from rnnx.models import evaluation
from rnnx.models.evaluation import target_nats
from rnnx.models.mixture import MixedSampler
from rnnx_builtin.samplers.categorical import Categorical
from rnnx_builtin.samplers.greedy import Greedy


@pytest.fixture
def model(names: Path) -> rnnx.Model:
    return rnnx.train(tiny(names, "steps=60", "dtype=float64")).model


def test_the_mean_of_two_probabilities(model: rnnx.Model, names: Path) -> None:
    corpus = rnnx.build(tiny(names)).corpus
    assert isinstance(corpus.val, Examples)
    ngrams = KneserNey(corpus.train, len(corpus.vocabulary))
    mixed, alone, place = 0.0, 0.0, 0
    theirs = ngrams.probabilities(corpus.val)
    for i in range(len(corpus.val)):
        ids = corpus.val.targets(i).astype(np.intp)
        ours = target_nats(
            model.network, model.params, corpus.val.select(np.array([i])), rnnx.Scratch()
        )
        for t, nats in enumerate(ours):
            p = ngrams.next(ids[:t, None])[ids[t], 0]
            assert theirs[place] == pytest.approx(p, rel=1e-12)
            mixed -= math.log(0.7 * math.exp(-nats) + 0.3 * p)
            alone -= math.log(p)
            place += 1
    found = model.evaluate(ngram=0.3)
    assert found.mixed_loss == pytest.approx(mixed / place, rel=1e-10)
    assert found.ngram_loss == pytest.approx(alone / place, rel=1e-10)
    plain = model.evaluate()
    assert (found.loss, found.tokens) == (plain.loss, plain.tokens)
    assert plain.mixed_loss is plain.ngram_loss is None


def test_all_of_one_is_that_one(model: rnnx.Model, names: Path) -> None:
    found = model.evaluate(ngram=1)
    assert found.mixed_loss == pytest.approx(found.ngram_loss, rel=1e-12)
    nearly = model.evaluate(ngram=1e-12)
    assert nearly.mixed_loss == pytest.approx(nearly.loss, rel=1e-9)
    losses = rnnx.ngram_losses(*_parts(names), len(model.vocabulary))
    assert found.ngram_loss == pytest.approx(losses[-1], rel=1e-12)


def _parts(names: Path) -> tuple[rnnx.Examples, rnnx.Examples]:
    corpus = rnnx.build(tiny(names)).corpus
    assert isinstance(corpus.train, Examples) and isinstance(corpus.val, Examples)
    return corpus.train, corpus.val


@pytest.mark.parametrize("most", [2**62, 150, 7])
@pytest.mark.parametrize("kind", ["examples", "stream"])
def test_each_target_has_its_own_loss_however_they_are_batched(
    kind: str, most: int, model: rnnx.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "places", lambda network, dtype: most)
    rng = np.random.default_rng(0)
    if kind == "examples":
        lengths = rng.integers(1, 10, 80)
        ids = rng.integers(0, len(model.vocabulary), 800)
        split: rnnx.Split = Examples(ids, rng.integers(0, 700, 80), lengths)  # they overlap
        singles = [split.select(np.array([i])) for i in range(80)]
    else:
        split = Stream(rng.integers(0, len(model.vocabulary), 6), 6)  # one column
        singles = [split]
    found = target_nats(model.network, model.params, split, rnnx.Scratch())
    assert found.mean() == pytest.approx(model.mean_nats(split), rel=1e-10)
    monkeypatch.undo()
    one_by_one = [target_nats(model.network, model.params, one, rnnx.Scratch()) for one in singles]
    np.testing.assert_allclose(found, np.concatenate(one_by_one), rtol=1e-9)
    if kind == "examples":
        np.testing.assert_allclose(
            [one.mean() for one in one_by_one],
            [model.mean_nats(one) for one in singles],
            rtol=1e-10,
        )


def ngrams() -> KneserNey:
    """Of texts in which a symbol is mostly followed by the next one of 0, 1, 2, 3, 0 …"""
    steps = np.random.default_rng(0).choice([1, 2, 3, 4], (40, 6), p=[0.7, 0.1, 0.1, 0.1])
    ids = (steps.cumsum(axis=1) % 4).ravel()
    return KneserNey(Examples(ids, np.arange(40) * 6, np.full(40, 6)), 4)


def test_a_sampler_draws_from_the_mixture() -> None:
    model, rng = ngrams(), np.random.default_rng(0)
    logits, before = rng.normal(size=(4, 3)), np.array([[0, 1, 0], [1, 2, 3]])
    network = np.exp(logits) / np.exp(logits).sum(axis=0)
    expected = 0.4 * network + 0.6 * model.next(before)
    wide = [np.repeat(a, 4000, axis=1) for a in (logits, before)]
    drawn = MixedSampler(Categorical(), model, 0.6).sample(wide[0], wide[1], rng).reshape(3, -1)
    shares = [[np.mean(row == symbol) for row in drawn] for symbol in range(4)]
    np.testing.assert_allclose(shares, expected, atol=0.03)
    only = MixedSampler(Greedy(), model, 1.0).sample(np.zeros((4, 3)), before, rng)
    assert only.tolist() == model.next(before).argmax(axis=0).tolist() != [0, 0, 0]


def test_what_the_grammar_forbids_is_never_drawn() -> None:
    logits = np.zeros((4, 500))
    logits[[1, 3]] = -np.inf  # 1 is what the n-grams expect
    assert ngrams().next(np.zeros((1, 1), np.intp)).argmax() == 1
    before, rng = np.zeros((1, 500), np.intp), np.random.default_rng(0)
    drawn = MixedSampler(Categorical(), ngrams(), 0.5).sample(logits, before, rng)
    assert set(drawn.tolist()) == {0, 2}


def test_the_commands(model: rnnx.Model, names: Path) -> None:
    said = dict(evaluate_command("last", [], 0.25))
    found = model.evaluate(ngram=0.25)
    assert said["n-grams alone"] == f"{found.ngram_loss:.4f} nats a character"
    assert said["network + n-grams of weight 0.25"] == f"{found.mixed_loss:.4f} nats a character"
    assert said["loss"] == f"{found.loss:.4f} nats a character"
    assert len(dict(evaluate_command("last", []))) == len(said) - 2
    texts = [sample_command("last", 9, "a", None, [], None, 3, w) for w in (0.0, 0.9, 0.9)]
    assert texts[1] == texts[2] != texts[0]
    assert all(text.startswith("a") for text in texts[1])


def test_other_data_and_a_wrong_weight_are_refused(model: rnnx.Model, names: Path) -> None:
    for weight in (-0.1, 1.5, math.nan):
        with pytest.raises(ConfigError, match=r"ngram=.*: must be 0 to 1"):
            model.evaluate(ngram=weight)
        with pytest.raises(ConfigError, match=r"ngram=.*: must be 0 to 1"):
            model.sample(ngram=weight)
    other = names.parent / "other.txt"
    other.write_text("ara\nbocis\n", "utf-8")
    elsewhere = {"name": "lines", "path": str(other)}
    assert model.evaluate(elsewhere, ngram=0.5).mixed_loss is not None
    names.write_text(names.read_text("utf-8") + "ara\n", "utf-8")
    with pytest.raises(DataError, match=r"the data has changed.*n-grams are fitted on that data"):
        model.sample(ngram=0.5)
    with pytest.raises(DataError, match=r"the data has changed.*n-grams are fitted on that data"):
        model.evaluate(elsewhere, ngram=0.5)
