"""New examples that begin as one and go on as others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnx.data import crossover
from rnnx.data.batches import Batch, TrainBatches
from rnnx.data.corpus import Examples, Stream, examples_of
from rnnx.data.crossover import Crossover
from rnnx.data.vocabulary import Vocabulary

VOCABULARY = Vocabulary(("\n", "a", "b", "c"), "\n")


def drawn(texts: list[str], rate: float, count: int, seed: int = 0) -> list[str]:
    """``count`` new texts for each of ``texts``."""
    examples = examples_of(VOCABULARY, texts)
    which = np.repeat(np.arange(len(texts)), count)
    new = Crossover(examples, rate, np.random.default_rng(seed)).draw(which)
    return ["".join(VOCABULARY.symbols[i] for i in new.targets(k)) for k in range(len(new))]


def trigrams(text: str) -> set[str]:
    padded = "^^" + text
    return {padded[k : k + 3] for k in range(len(text))}


@given(
    st.lists(st.text("abc", min_size=1, max_size=8), min_size=1, max_size=6),
    st.floats(0.01, 0.99),
    st.integers(0, 99),
)
def test_two_symbols_before_each_are_those_of_some_example(
    texts: list[str], rate: float, seed: int
) -> None:
    known = set().union(*(trigrams(f"{text}\n") for text in texts))
    longest = max(map(len, texts)) + 1
    new = drawn(texts, rate, 5, seed)
    assert len(new) == 5 * len(texts)
    for k, text in enumerate(new):
        assert text[0] == texts[k // 5][0]
        assert text.index("\n") == len(text) - 1 < longest
        assert trigrams(text) <= known


def test_examples_go_on_as_each_other_at_the_given_rate() -> None:
    texts = ["abcabca", "bbcabcb"]  # they share what follows from the fourth symbol on
    for rate in (0.05, 0.5):
        new = drawn(texts, rate, 4000)
        crossed = sum(text not in ("abcabca\n", "bbcabcb\n") for text in new) / len(new)
        assert 0 < crossed < 1
        if rate == 0.05:
            few = crossed
    assert few < 0.5 * crossed
    assert {"abcabcb\n", "bbcabca\n"} <= set(new)


def test_the_symbol_before_the_first_stays() -> None:
    examples = examples_of(VOCABULARY, ["ab", "cb", "bb"])
    first = np.array([3, 1, 2])
    examples = Examples(examples.ids, examples.starts, examples.lengths, first)
    new = Crossover(examples, 0.5, np.random.default_rng(0)).draw(np.array([2, 0]))
    assert new.first is not None
    assert new.first.tolist() == [2, 3]


def test_examples_may_lie_anywhere_in_their_ids() -> None:
    ids = np.array([9, 1, 2, 9, 9, 3, 0], np.uint8)
    examples = Examples(ids, np.array([5, 1]), np.array([2, 2]))
    new = Crossover(examples, 1e-9, np.random.default_rng(0)).draw(np.array([0, 1]))
    assert [new.targets(k).tolist() for k in range(2)] == [[3, 0], [1, 2]]


def same(one: Batch, other: Batch) -> bool:
    return np.array_equal(one.x, other.x) and np.array_equal(one.y, other.y)


def test_batches_of_crossed_examples_go_on_from_a_state() -> None:
    examples = examples_of(VOCABULARY, ["abcab", "bcabc", "cabca", "abccc", "aabcb"])
    rng, other = np.random.default_rng(1), np.random.default_rng(2)
    whole, resumed = (TrainBatches(examples, 2, r, 0.3) for r in (rng, other))
    for _ in range(4):
        whole.next()
    resumed.restore(whole.state())
    other.bit_generator.state = rng.bit_generator.state
    for _ in range(9):
        expected, found = whole.next(), resumed.next()
        assert same(expected, found)
        lengths = found.lengths
        assert lengths is None or (np.diff(lengths) <= 0).all()  # longest first
        assert found.tokens == (found.y.size if lengths is None else lengths.sum())


def test_what_cannot_be_crossed_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = examples_of(VOCABULARY, ["abcab", "bcabc", "cabca"])
    carried = Examples(examples.ids, examples.starts, examples.lengths, shuffle=False, carry=True)
    stream = Stream(examples.ids, 3)
    monkeypatch.setattr(crossover, "LIMIT", examples.tokens - 1)  # and so are too many symbols
    for split in (carried, stream, examples):
        plain = TrainBatches(split, 1, np.random.default_rng(0))
        crossed = TrainBatches(split, 1, np.random.default_rng(0), 0.9)
        for _ in range(9):
            assert same(plain.next(), crossed.next())
