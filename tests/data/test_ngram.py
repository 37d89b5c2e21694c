"""The baseline against a slow one that counts with dictionaries."""

import shutil
from collections import Counter
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnx.data import ngram
from rnnx.data.corpus import Corpus, Examples, Split, Stream
from rnnx.data.ngram import KneserNey, cached_baseline, ngram_losses
from rnnx.data.vocabulary import Vocabulary
from rnnx.errors import OutOfMemory
from rnnx.system import memory
from rnnx.system.files import cache_folder


def sequences(split: Split) -> list[list[int]]:
    if isinstance(split, Stream):
        return [split.ids.tolist()]
    return [split.targets(i).tolist() for i in range(len(split))]


def slow(train: Split, val: Split, n_symbols: int, order: int) -> float:
    """Modified Kneser–Ney with dictionaries: ``"<"`` begins a text, one of them in a context."""
    skip = 1 if isinstance(train, Stream) else 0
    counts: list[Counter] = [Counter() for _ in range(order)]
    for ids in sequences(train):
        text = ["<", *ids]
        for t in range(1 + skip, len(text)):
            for m in range(min(order, t + 1)):
                counts[m][tuple(text[t - m : t]), text[t]] += 1
    for m in range(order - 1):
        adjusted = Counter({g: c for g, c in counts[m].items() if g[0][:1] == ("<",)})
        for h, w in counts[m + 1]:
            if h[1:][:1] != ("<",):
                adjusted[h[1:], w] += 1
        counts[m] = adjusted
    taken = [[0.0, *discounts(counts[m])] for m in range(order)]
    total, tokens = 0.0, 0
    for ids in sequences(val):
        text = ["<", *ids]
        for t in range(1 + skip, len(text)):
            p = 1 / n_symbols
            for m in range(min(order, t + 1)):
                h = tuple(text[t - m : t])
                seen = {w: c for (g, w), c in counts[m].items() if g == h}
                if seen:
                    freed = sum(taken[m][min(c, 3)] for c in seen.values())
                    c = seen.get(text[t], 0)
                    p = (c - taken[m][min(c, 3)] + freed * p) / sum(seen.values())
            total, tokens = total - log(p), tokens + 1
    return total / tokens


def discounts(counts: Counter) -> list[float]:
    n1, n2, n3, n4 = (sum(c == k for c in counts.values()) for k in (1, 2, 3, 4))
    Y = n1 / (n1 + 2 * n2) if n1 else 0.5
    d1 = 1 - 2 * Y * n2 / n1 if n1 else 0
    d2 = 2 - 3 * Y * n3 / n2 if n2 else 0
    d3 = 3 - 4 * Y * n4 / n3 if n3 else 0
    found = [d1 if d1 > 0 else Y, d2 if d2 > 0 else 2 * Y, d3 if d3 > 0 else 3 * Y]
    return [min(d, float(k)) for k, d in enumerate(found, 1)]


def test_what_was_never_seen_has_a_probability() -> None:
    one, other = as_examples([[0, 0, 0, 0]]), as_examples([[1]])
    assert np.isfinite(ngram_losses(one, other, 2)).all()


WORDS = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=7), min_size=1, max_size=8)


def as_examples(words: list[list[int]]) -> Examples:
    lengths = np.array([len(word) for word in words])
    flat = np.array([i for word in words for i in word], np.uint8)
    return Examples(flat, np.cumsum(lengths) - lengths, lengths)


@settings(max_examples=60)
@given(WORDS, WORDS)
def test_examples(train: list[list[int]], val: list[list[int]]) -> None:
    one, two = as_examples(train), as_examples(val)
    expected = [slow(one, two, 4, order) for order in range(1, 9)]
    np.testing.assert_allclose(ngram_losses(one, two, 4), expected, rtol=1e-12)


STREAM = st.lists(st.integers(0, 3), min_size=2, max_size=40)


@settings(max_examples=60)
@given(STREAM, STREAM)
def test_streams(train: list[int], val: list[int]) -> None:
    one, two = (Stream(np.array(ids, np.uint8), 5) for ids in (train, val))
    expected = [slow(one, two, 4, order) for order in range(1, 9)]
    np.testing.assert_allclose(ngram_losses(one, two, 4), expected, rtol=1e-12)


@settings(max_examples=60)
@given(WORDS, WORDS, st.integers(1, 8))
def test_what_follows_a_text_has_the_probabilities_of_the_targets(
    train: list[list[int]], val: list[list[int]], order: int
) -> None:
    one, two = as_examples(train), as_examples(val)
    model = KneserNey(one, 4, order)
    found = model.probabilities(two)
    assert -np.log(found).mean() == pytest.approx(ngram_losses(one, two, 4)[order - 1], rel=1e-12)
    expected = []
    for word in val:
        for t, symbol in enumerate(word):
            before = np.array([word[:t]] * 2, np.intp).T.reshape(t, 2)
            p = model.next(before)
            np.testing.assert_allclose(p.sum(axis=0), 1, rtol=1e-12)
            assert p.shape == (4, 2) and p[symbol, 0] == p[symbol, 1]
            expected.append(p[symbol, 0])
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@settings(max_examples=30)
@given(STREAM, STREAM)
def test_what_follows_a_part_of_a_stream(train: list[int], val: list[int]) -> None:
    one, two = (Stream(np.array(ids, np.uint8), 5) for ids in (train, val))
    model = KneserNey(one, 4, 5)
    columns = [model.next(np.array(val[:t])[:, None])[val[t], 0] for t in range(1, len(val))]
    np.testing.assert_allclose(model.probabilities(two), columns, rtol=1e-12)


def test_texts_side_by_side_do_not_mix() -> None:
    model = KneserNey(as_examples([[0, 1, 2], [0, 1, 3], [2, 1]]), 4)
    texts = np.array([[0, 2, 3, 1], [1, 1, 0, 1]])
    alone = [model.next(texts[:, k : k + 1])[:, 0] for k in range(4)]
    np.testing.assert_array_equal(model.next(texts).T, alone)


def test_more_than_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda: 1000)
    with pytest.raises(OutOfMemory, match="n-grams of 8 training symbols do not fit into memory"):
        KneserNey(as_examples([[0, 1, 2], [0, 1, 3], [2, 1]]), 4)


def corpus(sha256: str = "x") -> Corpus:
    words = as_examples([[0, 1, 2], [0, 1, 3], [2, 1]])
    return Corpus(Vocabulary(tuple("abcd")), words, words, sha256)


def test_the_best_order_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    found = cached_baseline(corpus())
    assert found is not None
    losses = ngram_losses(corpus().train, corpus().train, 4)
    assert found == (1 + int(np.argmin(losses)), min(losses))
    monkeypatch.setattr(ngram, "ngram_losses", None)  # would fail if it were called
    assert cached_baseline(corpus()) == found


def test_other_data_is_fitted_anew() -> None:
    cached_baseline(corpus())
    small = Corpus(Vocabulary(tuple("abcd")), as_examples([[0, 1]]), as_examples([[0]]), "y")
    assert cached_baseline(small) != cached_baseline(corpus())


def test_every_difference_of_the_data_is_fitted_anew() -> None:
    first, words = corpus(), as_examples([[0, 1, 2], [0, 1, 3], [2, 1]])
    moved = Examples(words.ids, words.starts[::-1], words.lengths[::-1])
    swapped = Examples(words.ids, words.starts[[1, 0, 2]], words.lengths)
    longer = Examples(words.ids, words.starts, np.array([1, 3, 2]))
    stream = Stream(words.ids, 5)
    others = [
        corpus("y"),
        Corpus(Vocabulary(tuple("abcde")), words, words, "x"),
        Corpus(first.vocabulary, moved, words, "x"),
        Corpus(first.vocabulary, words, moved, "x"),
        Corpus(first.vocabulary, longer, words, "x"),
        Corpus(first.vocabulary, swapped, words, "x"),
        Corpus(first.vocabulary, stream, stream, "x"),
        Corpus(first.vocabulary, stream, Stream(words.ids[:-1], 5), "x"),
    ]
    folder = cache_folder() / "baselines"
    for count, other in enumerate([first, *others, first], 1):
        cached_baseline(other)
        assert len(list(folder.iterdir())) == min(count, len(others) + 1)


@pytest.mark.parametrize("content", ["", "[1]", "null", '["x", 1]', "[1, 2, 3]"])
def test_a_damaged_cache_is_made_anew(content: str) -> None:
    found = cached_baseline(corpus())
    (path,) = (cache_folder() / "baselines").iterdir()
    whole = path.read_text()
    path.write_text(content)
    assert cached_baseline(corpus()) == found
    assert path.read_text() == whole


def test_a_cache_that_cannot_be_written_costs_time_alone() -> None:
    found = cached_baseline(corpus())
    folder = cache_folder() / "baselines"
    shutil.rmtree(folder)
    folder.write_text("no folder")
    assert cached_baseline(corpus()) == found


def test_too_much_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    few, split = corpus(), as_examples([[0]])
    monkeypatch.setattr(ngram, "FIT_LIMIT", few.train.tokens)
    assert cached_baseline(few) is not None
    assert cached_baseline(Corpus(few.vocabulary, few.train, None, "x"), always=True) is None
    monkeypatch.setattr(ngram, "FIT_LIMIT", few.train.tokens - 1)
    assert cached_baseline(few) is None
    assert cached_baseline(few, always=True) is not None
    assert cached_baseline(Corpus(few.vocabulary, split, few.train, "x")) is not None
    monkeypatch.setattr(ngram, "free_bytes", lambda: few.train.tokens)
    assert cached_baseline(Corpus(few.vocabulary, few.train, few.train, "y"), always=True) is None
