"""How many samples are new and how many are distinct."""

import numpy as np
import pytest

from rnnx.data import novelty
from rnnx.data.corpus import Corpus, Split, Stream, examples_of
from rnnx.data.novelty import Novelty
from rnnx.data.vocabulary import Vocabulary

LETTERS, LINES = Vocabulary.of("abc"), Vocabulary.of("abc", "\n")


def novelty_of(vocabulary: Vocabulary, train: Split) -> Novelty:
    return Novelty(Corpus(vocabulary, train, None, "0"))


def test_a_line_is_new_if_no_line_is_the_same() -> None:
    found = novelty_of(LINES, examples_of(LINES, ["ab", "abc", ""]))
    assert found.fractions(["ab", "abc", "a", "bc", ""]) == {"distinct": 1.0, "new": 2 / 5}
    assert found.fractions(["a", "a", "a", "ab"]) == {"distinct": 0.5, "new": 3 / 4}


def test_an_example_without_an_end_is_compared_whole() -> None:
    found = novelty_of(LETTERS, examples_of(LETTERS, ["ab", "abc"]))
    assert found.fractions(["ab", "a"])["new"] == 0.5


def test_a_piece_of_a_stream_is_new_if_it_stands_nowhere_in_it() -> None:
    stream = Stream(np.array(LETTERS.encode("abcab")), 2)
    assert novelty_of(LETTERS, stream).fractions(["bca", "ba", "ab", "c"])["new"] == 0.25


def test_nothing_is_claimed_of_no_samples_or_of_data_too_large_to_search(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = novelty_of(LETTERS, examples_of(LETTERS, ["abc"]))
    assert found.fractions([]) == {}
    monkeypatch.setattr(novelty, "SEARCH_LIMIT", 3)
    assert found.fractions(["a"]) == {"distinct": 1.0, "new": 1.0}
    monkeypatch.setattr(novelty, "SEARCH_LIMIT", 2)
    assert found.fractions(["a"]) == {"distinct": 1.0}
