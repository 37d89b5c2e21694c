"""What a data set loads, and how a part of it is held out."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnx.data.corpus import (
    Corpus,
    Examples,
    Stream,
    examples_of,
    smallest_unsigned,
    split_examples,
    split_stream,
)
from rnnx.data.vocabulary import Vocabulary
from rnnx.errors import DataError


def examples(count: int) -> Examples:
    """Examples of one id each, which is the example's place."""
    return Examples(np.arange(count), np.arange(count), np.ones(count, np.int64))


def test_every_example_has_a_start_and_a_length_of_one_or_more() -> None:
    with pytest.raises(DataError, match="2 starts for 1 lengths"):
        Examples(np.arange(3), np.array([0, 1]), np.array([3]))
    with pytest.raises(DataError, match="at least 1"):
        Examples(np.arange(3), np.array([0, 1]), np.array([1, 0]))
    empty = np.empty(0, np.int64)
    assert len(Examples(empty, empty, empty)) == 0


def test_chosen_examples_keep_all_that_belongs_to_them() -> None:
    ids, starts, lengths = np.arange(6), np.array([0, 1, 3]), np.array([1, 2, 3])
    split = Examples(ids, starts, lengths, np.array([7, 8, 9]), shuffle=False, carry=True)
    assert (len(split), split.tokens) == (3, 6)
    chosen = split.select(np.array([2, 1]))
    assert [chosen.targets(i).tolist() for i in range(len(chosen))] == [[3, 4, 5], [1, 2]]
    assert chosen.first is not None and chosen.first.tolist() == [9, 8]
    assert (chosen.shuffle, chosen.carry) == (False, True)
    assert examples(3).select(np.array([0])).first is None


def test_texts_are_closed_by_the_end_symbol() -> None:
    closed = examples_of(Vocabulary.of("ab", "\n"), ["ab", "", "b"])
    assert [closed.targets(i).tolist() for i in range(3)] == [[1, 2, 0], [0], [2, 0]]
    opened = examples_of(Vocabulary.of("ab"), ["ab", "b"])
    assert [opened.targets(i).tolist() for i in range(2)] == [[0, 1], [1]]
    assert opened.ids.dtype == np.uint8


def test_the_targets_of_a_stream_are_all_ids_but_the_first() -> None:
    assert [Stream(np.arange(n), 5).tokens for n in range(4)] == [0, 0, 1, 2]
    assert Stream(np.arange(3), 1).length == 1
    with pytest.raises(DataError, match=r"dataset\.length: 0"):
        Stream(np.arange(3), 0)


@given(st.integers(2, 60), st.floats(0.01, 0.99), st.integers(0, 9))
def test_a_fraction_of_the_examples_is_held_out(count: int, fraction: float, seed: int) -> None:
    expected = max(1, int(count * fraction))
    train, val = split_examples(examples(count), fraction, seed)
    assert val is not None
    assert (len(train), len(val)) == (count - expected, expected)
    for part in (train, val):  # each in its own order
        assert part.starts.tolist() == sorted(part.starts.tolist())
    assert sorted([*train.starts, *val.starts]) == list(range(count))


def test_the_seed_decides_which_examples_are_held_out() -> None:
    held_out = [split_examples(examples(50), 0.2, seed)[1] for seed in (0, 0, 1)]
    one, same, other = ([] if val is None else val.starts.tolist() for val in held_out)
    assert one == same != other


@given(st.integers(4, 60), st.floats(0.01, 0.5))
def test_the_end_of_a_stream_is_held_out(n: int, fraction: float) -> None:
    expected = max(2, int(n * fraction))
    train, val = split_stream(Stream(np.arange(n), 7), fraction)
    assert val is not None
    assert train.ids.tolist() == list(range(n - expected))
    assert val.ids.tolist() == list(range(n - expected, n))
    assert train.length == val.length == 7


def test_nothing_is_held_out_of_what_is_too_small_or_not_to_be_split() -> None:
    whole, stream = examples(3), Stream(np.arange(4), 7)
    assert split_examples(whole, 0, 0) == (whole, None)
    assert split_stream(stream, 0) == (stream, None)
    for fraction in (0.01, 0.9):
        with pytest.raises(DataError, match=rf"val_fraction: {fraction} of 1 examples leaves none"):
            split_examples(examples(1), fraction, 0)
        with pytest.raises(DataError, match=rf"val_fraction: {fraction} of 3 symbols leaves none"):
            split_stream(Stream(np.arange(3), 7), fraction)
    with pytest.raises(DataError, match="leaves none"):
        split_stream(Stream(np.arange(8), 7), 0.9)  # one symbol is no target


@pytest.mark.parametrize(
    ("n", "dtype"),
    [(0, "u1"), (1, "u1"), (256, "u1"), (257, "u2"), (2**16, "u2"), (2**16 + 1, "u4")],
)
def test_ids_take_the_smallest_unsigned_type(n: int, dtype: str) -> None:
    assert smallest_unsigned(n) == np.dtype(dtype)


def test_data_are_compared_by_identity_and_stay_as_they_are() -> None:
    parts = examples(2), Stream(np.arange(3), 1)
    corpus = Corpus(Vocabulary.of("ab"), parts[0], None, "0")
    other = Corpus(Vocabulary.of("ab"), parts[0], None, "0")
    assert corpus != other and examples(2) != parts[0]
    assert len({*parts, corpus, other}) == 4
    with pytest.raises(FrozenInstanceError):
        parts[0].shuffle = False  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        parts[1].length = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        corpus.val = None  # type: ignore[misc]
