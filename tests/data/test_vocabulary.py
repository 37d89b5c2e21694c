"""Symbols of one character, and of several with a separator between them."""

import numpy as np
import pytest

import rnnx
from rnnx.data.corpus import Corpus, examples_of
from rnnx.data.novelty import Novelty
from rnnx.data.vocabulary import Vocabulary
from rnnx.errors import DataError

WORDS = Vocabulary(("ga", "zo", "zu"), None, " ")


def test_a_text_is_its_symbols() -> None:
    assert Vocabulary.of("abba\n", "\n").unit == "character"
    assert Vocabulary.of("ab").split("ab") == ["a", "b"]
    assert WORDS.unit == "token"
    assert WORDS.split(" zu  ga ") == ["zu", "ga"]
    assert WORDS.decode([2, 0, -1]) == "zu ga"
    assert WORDS.encode(WORDS.split("zu ga")) == [2, 0]
    with pytest.raises(DataError, match="zut not in the model's vocabulary"):
        WORDS.encode(WORDS.split("zut"))


@pytest.mark.parametrize("symbols", [("a b", "c"), ("", "c")])
def test_no_symbol_holds_the_separator(symbols: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="separator"):
        Vocabulary(symbols, None, " ")


def test_new_samples_of_tokens_are_told_from_old_ones() -> None:
    train = examples_of(WORDS, [["zu", "ga"], ["zo"]])
    novelty = Novelty(Corpus(WORDS, train, None, "x"))
    assert novelty.fractions(["zu ga", "zu zu"]) == {"distinct": 1.0, "new": 0.5}
    ended = Vocabulary((".", "ga", "zu"), ".", " ")
    train = examples_of(ended, [["zu", "ga"]])
    assert Novelty(Corpus(ended, train, None, "x")).fractions(["zu ga"])["new"] == 0


def test_a_model_of_tokens_samples_and_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    """The separator goes through the checkpoint."""
    from rnnx.models.trained import load_file
    from rnnx_builtin.datasets import Dinosaurs

    def load(self: Dinosaurs, seed: int) -> Corpus:
        rng = np.random.default_rng(0)
        texts = [rng.choice(["ga", "zo", "zu"], 5) for _ in range(20)]
        return Corpus(WORDS, examples_of(WORDS, texts), None, "x")

    monkeypatch.setattr(Dinosaurs, "load", load)
    overrides = ["steps=2", "batch_size=4", "layers=1", "cell.hidden_size=3", "tracker=none"]
    run = rnnx.train([*overrides, "eval_every=0", "samples=1", "sample_length=6"])
    model = load_file(run.folder.last)
    assert model.vocabulary == WORDS
    text = model.sample(1, prompt="zu zu")[0]
    assert text.startswith("zu zu ") and len(text.split()) == 6
    assert model.score(["zu ga", "zo"]).shape == (2,)
