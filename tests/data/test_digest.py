"""The digest of a split is of its content: equal for equal examples, however they are kept."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnx.data import digest
from rnnx.data.corpus import Corpus, Examples, Stream, examples_of
from rnnx.data.digest import split_sha256
from rnnx.data.vocabulary import Vocabulary

VOCABULARY = Vocabulary.of("abc", end="\n")
TEXTS = st.lists(st.text("abc", min_size=1, max_size=9), min_size=1, max_size=12)


def corpus(train: list[str], val: list[str] | None) -> Corpus:
    held_out = None if val is None else examples_of(VOCABULARY, val)
    return Corpus(VOCABULARY, examples_of(VOCABULARY, train), held_out, "0" * 64)


def scattered(examples: Examples) -> Examples:
    """The same examples, kept last to first with other ids between them, in a wider type."""
    parts, starts, place = [], {}, 0
    for i in reversed(range(len(examples))):
        starts[i] = place + 2
        parts += [np.array([0, 1]), examples.targets(i)]
        place += 2 + int(examples.lengths[i])
    ids = np.concatenate(parts).astype(np.int32)
    return replace(examples, ids=ids, starts=np.array([starts[i] for i in range(len(examples))]))


@given(TEXTS, TEXTS, st.integers(1, 7))
def test_equal_examples_have_one_digest(train: list[str], val: list[str], chunk: int) -> None:
    one = corpus(train, val)
    expected = split_sha256(one)
    other = replace(one, train=scattered(one.train), val=scattered(one.val), sha256="1" * 64)
    assert split_sha256(other) == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digest, "CHUNK_SIZE", chunk)
        assert split_sha256(one) == split_sha256(other) == expected


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_other_examples_have_another_digest(
    train: list[str], val: list[str], other_train: list[str], other_val: list[str]
) -> None:
    is_same = (train, val) == (other_train, other_val)
    found = split_sha256(corpus(train, val)) == split_sha256(corpus(other_train, other_val))
    assert found == is_same


def test_every_part_counts() -> None:
    whole = corpus(["ab", "c"], ["ca"])
    first = np.array([0, 1])
    stream = Stream(np.arange(3).repeat(4), 5)
    streams = replace(whole, train=stream, val=stream)
    longer = Stream(stream.ids, 6)
    changed = [
        whole,
        replace(whole, val=None),
        replace(whole, val=whole.train, train=whole.val),
        replace(whole, train=replace(whole.train, first=first)),
        replace(whole, train=replace(whole.train, first=first[::-1].copy())),
        replace(whole, train=replace(whole.train, shuffle=False)),
        replace(whole, train=replace(whole.train, carry=True)),
        replace(whole, vocabulary=Vocabulary.of("abd", end="\n")),
        corpus(["a", "bc"], ["ca"]),
        corpus(["c", "ab"], ["ca"]),
        streams,
        replace(streams, train=longer),
        replace(streams, val=Stream(stream.ids[:-1], 5)),
        replace(streams, val=Stream(stream.ids[::-1].copy(), 5)),
    ]
    assert len({split_sha256(one) for one in changed}) == len(changed)
