"""How many samples are new and how many are distinct."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnx.data import novelty
from rnnx.data.corpus import Corpus, Split, Stream, examples_of
from rnnx.data.novelty import Copy, Novelty
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


def test_the_longest_copy_stays_within_one_example() -> None:
    found = novelty_of(LINES, examples_of(LINES, ["abca", "bcab"]))
    assert found.longest_copy("cabca") == Copy("abca", 4, 0.8)
    assert found.longest_copy("abcab") == Copy("abca", 4, 0.8)  # "bcab" is as long, and later
    assert found.longest_copy("aab") == Copy("ab", 2, 2 / 3)
    assert found.longest_copy("") == Copy("", 0, 0.0)
    assert found.longest_copy("zz") == Copy("", 0, 0.0)


def test_a_copy_counts_symbols_of_any_writing() -> None:
    words = Vocabulary(("a", "b", "ca"), None, " ")
    found = novelty_of(words, Stream(np.array([0, 1, 2, 0]), 2))
    assert found.longest_copy("b ca b a") == Copy("b ca", 2, 0.5)
    assert found.longest_copy("b c") == Copy("b", 1, 0.5)  # "c" begins a symbol and is none
    odd = Vocabulary(("\ud800", "e\u0301", "恐"))
    assert novelty_of(odd, Stream(np.array([2, 0, 2]), 2)).longest_copy("恐恐") == Copy(
        "恐", 1, 0.5
    )


@given(st.lists(st.text("ab", min_size=1), min_size=1), st.text("abc"))
def test_the_longest_copy_is_that_of_all_pieces(lines: list[str], text: str) -> None:
    found = novelty_of(LINES, examples_of(LINES, lines)).longest_copy(text)
    ends = range(len(text) + 1)
    pieces = (text[a:b] for a in ends for b in ends[a:])
    longest = max((len(p) for p in pieces if any(p in line for line in lines)), default=0)
    assert found is not None and found.length == len(found.text) == longest
    assert found.text in text and any(found.text in line for line in lines)


def test_no_copy_is_claimed_of_data_too_large_to_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(novelty, "SEARCH_LIMIT", 2)
    assert novelty_of(LETTERS, examples_of(LETTERS, ["abc"])).longest_copy("a") is None
