"""The checks of DatasetSuite for data sets whose targets are given: classes, values, bits."""

from __future__ import annotations

import numpy as np

from rnnx.contracts.components import Dataset
from rnnx.data.batches import TrainBatches
from rnnx.data.corpus import Corpus, wrong_part
from rnnx.data.sequences import Endless, Sequences
from rnnx.data.wrong_values import WEIGHTS, wrong_in_sequences
from rnnx.testing.data_digest import arrays_of, named_splits, same_arrays
from rnnx.testing.suite import NotApplicable, expect


def given(corpus: Corpus) -> list[tuple[str, Sequences]]:
    """The parts of a corpus with targets of their own; NotApplicable where it is a language."""
    found = [(name, p) for name, p in named_splits(corpus) if isinstance(p, Sequences)]
    if not found:
        raise NotApplicable("the targets are the next symbols, which training makes from the ids")
    return found


def check_targets(dataset: Dataset) -> None:
    """Inputs and targets are what the corpus says: their shapes, and the range of each that counts.

    In a batch the padding is the zero vector, and targets and weights are 0 there.
    """
    corpus = dataset.load(0)
    for name, part in given(corpus):
        cause = wrong_part(corpus, part) or wrong_in_sequences(corpus, part, WEIGHTS)
        expect(not cause, f"{name}: {cause}")
    _check_padding(corpus)


def _check_padding(corpus: Corpus) -> None:
    batch = TrainBatches(corpus.train, 2, np.random.default_rng(0)).next()
    T, B = len(batch.x), batch.x.shape[-1]
    lengths = np.full(B, T) if batch.lengths is None else batch.lengths
    for b, length in enumerate(lengths.tolist()):
        expect(length >= 1, f"column {b} of a batch has length {length}")
        nothing = -1 if batch.x.ndim == 2 else 0
        is_zero = bool((batch.x[length:, ..., b] == nothing).all())
        expect(is_zero, f"column {b} of a batch: x is not the zero vector in the padding")


def check_weights(dataset: Dataset) -> None:
    """Weights are finite and not negative, some are above 0 in each part, and ``tokens`` counts
    those.
    """
    corpus = dataset.load(0)
    for name, part in given(corpus):
        if part.weights is None:
            raise NotApplicable("the data set has no weights: all targets count alike")
        cause = wrong_in_sequences(corpus, part)
        expect(not cause, f"{name}: {cause}")


def check_endless(dataset: Dataset) -> None:
    """Examples without end are a function of the generator alone, and the held-out part is fixed.

    Another generator gives other examples; so does the same one when it is asked again.
    """
    corpus, again = dataset.load(0), dataset.load(0)
    train, other = corpus.train, again.train
    if not (isinstance(train, Endless) and isinstance(other, Endless)):
        raise NotApplicable("the data set has an end")
    rng = np.random.default_rng(5)
    first, second = train.next(rng, 8), train.next(rng, 8)
    expect(len(first) == 8, f"draw: returned {len(first)} sequences, expected 8")
    _expect_same(first, other.next(np.random.default_rng(5), 8), "draw: two loads")
    _expect_same(first, train.next(np.random.default_rng(5), 8), "draw: two calls")
    expect(not _same(first, second), "draw: gives the same examples again and again")
    for one in (first, second):
        cause = wrong_part(corpus, one)
        expect(not cause, f"draw: {cause}")
    expect(corpus.val is not None, "there is no held-out part: give Endless.fixed(count, seed)")


def check_apart(train: Sequences, val: Sequences) -> None:
    """No step is in both parts, where they share their arrays."""
    own = train.ids if train.ids is not None else train.features
    theirs = val.ids if val.ids is not None else val.features
    assert own is not None and theirs is not None
    if not np.shares_memory(own, theirs) or len(own) != len(theirs):
        return
    both = set(np.asarray(train.starts).tolist()) & set(np.asarray(val.starts).tolist())
    expect(not both, f"{len(both)} sequences are in both the training and the held-out part")


def _expect_same(one: Sequences, other: Sequences, what: str) -> None:
    expect(_same(one, other), f"{what} with generators of one seed differ: draw from rng alone")


def _same(one: Sequences, other: Sequences) -> bool:
    a, b = arrays_of(one), arrays_of(other)
    return a.keys() == b.keys() and all(same_arrays(a[k], b[k]) for k in a)
