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


def test_an_id_is_a_place_among_the_sorted_symbols() -> None:
    vocabulary = Vocabulary.of("banana", "\n")
    assert vocabulary.symbols == ("\n", "a", "b", "n")
    assert len(vocabulary) == 4
    assert vocabulary.ids == {"\n": 0, "a": 1, "b": 2, "n": 3}
    assert (vocabulary.end, vocabulary.end_id) == ("\n", 0)
    assert vocabulary.encode("nab") == [3, 1, 2]
    assert vocabulary.decode([-1, 3, 1, -1, 2]) == "nab"
    assert Vocabulary.of("banana").symbols == ("a", "b", "n")
    assert Vocabulary.of("banana").end_id is None
    assert Vocabulary.of("ba", "a").symbols == ("a", "b")
    assert {vocabulary, Vocabulary.of("nab", "\n")} == {vocabulary}  # a value that may be a key


def test_symbols_are_distinct_and_the_end_is_one_of_them() -> None:
    with pytest.raises(DataError, match="distinct"):
        Vocabulary(("a", "b", "a"))
    with pytest.raises(DataError, match=r"end symbol '\\n' is not one of its symbols"):
        Vocabulary(("a", "b"), "\n")


def test_what_is_not_in_the_vocabulary_is_named() -> None:
    few = Vocabulary.of("ab ")
    with pytest.raises(DataError) as error:
        few.encode("axby\n", "line 3")
    assert str(error.value) == (
        "line 3: '\\n' x y not in the model's vocabulary of 3 symbols (' ' a b); use only those"
    )
    with pytest.raises(DataError, match=r"^text: x not in"):
        few.encode("x")
    letters = [chr(ord("a") + i) for i in range(26)] + list("ABCDEFGH")
    for count, shown in ((30, r"z\)"), (31, r"y …\)")):
        with pytest.raises(DataError, match=shown):
            Vocabulary.of(letters[-count:]).encode("?")


@pytest.mark.parametrize("symbols", [("a b", "c"), ("", "c")])
def test_no_symbol_holds_the_separator(symbols: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="separator"):
        Vocabulary(symbols, None, " ")


def test_without_a_separator_a_symbol_may_be_anything() -> None:
    assert Vocabulary(("", "a b")).split("a b") == ["a", " ", "b"]


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
    from rnnx_builtin.datasets.dinosaurs import Dinosaurs

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
