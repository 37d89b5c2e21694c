"""What every data set has to do: the checks of DatasetSuite."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from rnnx.contracts.components import Dataset
from rnnx.data.batches import TrainBatches, evaluation_batches
from rnnx.data.corpus import Corpus, Examples, Split
from rnnx.models.generation import grammar_of
from rnnx.testing.suite import NotApplicable, expect, make_suite


def _splits(corpus: Corpus) -> list[tuple[str, Split]]:
    splits = [("train", corpus.train)]
    return splits + ([("val", corpus.val)] if corpus.val is not None else [])


def check_vocabulary(dataset: Dataset) -> None:
    """Symbols are sorted and distinct, two at least, and every id is one of theirs."""
    corpus = dataset.load(0)
    symbols = list(corpus.vocabulary.symbols)
    expect(symbols == sorted(set(symbols)), "the vocabulary is not sorted and distinct")
    expect(len(symbols) >= 2, f"the vocabulary has {len(symbols)} symbols; two are the least")
    for name, split in _splits(corpus):
        largest = int(np.max(split.ids))
        expect(largest < len(symbols), f"{name}: id {largest} in a vocabulary of {len(symbols)}")


def check_determinism(dataset: Dataset) -> None:
    """The same seed gives the same corpus."""
    one, two = dataset.load(3), dataset.load(3)
    expect(one.sha256 == two.sha256, "two loads have different SHA-256 sums")
    expect(bool(one.sha256), "the corpus has no SHA-256")
    for (name, first), (_, second) in zip(_splits(one), _splits(two), strict=True):
        expect(np.array_equal(first.ids, second.ids), f"{name}: two loads differ")
        if isinstance(first, Examples) and isinstance(second, Examples):
            expect(np.array_equal(first.starts, second.starts), f"{name}: two splits differ")


def check_shift(dataset: Dataset) -> None:
    """In every batch x is y delayed by one step, and nothing counts beyond a length."""
    corpus = dataset.load(0)
    batches = TrainBatches(corpus.train, 2, np.random.default_rng(0))
    for batch in (batches.next(), batches.next()):
        T, B = batch.y.shape
        lengths = np.full(B, T) if batch.lengths is None else batch.lengths
        for b in range(B):
            n = int(lengths[b])
            expect(n >= 1, f"column {b} has length {n}")
            expect(
                np.array_equal(batch.x[1:n, b], batch.y[: n - 1, b]),
                f"column {b}: x is not y delayed by one step",
            )
            expect(bool((batch.x[n:, b] == -1).all()), f"column {b}: x is not −1 in the padding")


def check_examples(dataset: Dataset) -> None:
    """Where there is an end symbol, every example ends with it and holds it nowhere else."""
    corpus = dataset.load(0)
    end = corpus.vocabulary.end_id
    for name, split in _splits(corpus):
        if not isinstance(split, Examples):
            expect(end is None, f"{name}: a stream has no end symbol, the vocabulary has one")
            continue
        expect(int(np.min(split.lengths)) >= 1, f"{name}: an example has no targets")
        for i in range(min(len(split), 200)):
            places = np.flatnonzero(split.targets(i) == end).tolist()
            expect(
                end is None or places == [int(split.lengths[i]) - 1],
                f"{name}: example {i} has its end symbol at {places}",
            )


def check_held_out(dataset: Dataset) -> None:
    """No target is both trained on and held out; another seed or fraction changes no symbol."""
    corpus = dataset.load(1)
    train, val = corpus.train, corpus.val
    if isinstance(train, Examples) and isinstance(val, Examples):
        both = set(train.starts.tolist()) & set(val.starts.tolist())
        shared = both if np.shares_memory(train.ids, val.ids) else set()
        expect(not shared, f"{len(shared)} examples are in both parts")
    expect(corpus.train.tokens > 0, "there is nothing to train on")
    expect(corpus.val is None or corpus.val.tokens > 0, "the held-out part is empty")
    if any(name == "val_fraction" for name in getattr(dataset, "__dataclass_fields__", {})):
        changed: Any = replace(dataset, val_fraction=0.0)  # type: ignore[type-var]
        whole = changed.load(1)
        expect(whole.val is None, "val_fraction=0 holds something out")
        same = whole.vocabulary == corpus.vocabulary
        expect(same, "the vocabulary depends on the split; build it from the whole text")


def check_evaluation(dataset: Dataset) -> None:
    """Every target of every part is measured once."""
    for name, split in _splits(dataset.load(0)):
        tokens = sum(batch.tokens for batch in evaluation_batches(split, 8))
        expect(tokens == split.tokens, f"{name}: {tokens} of {split.tokens} targets are measured")


def check_grammar(dataset: Dataset) -> None:
    """Where there is a grammar: a mask a text, by what it was told alone, until the text ends."""
    corpus = dataset.load(0)
    grammar, n_y, B = grammar_of(dataset, corpus.vocabulary), len(corpus.vocabulary), 3
    if grammar is None:
        raise NotApplicable("the data set has no grammar: any symbol may follow any other")
    rng, state = np.random.default_rng(0), grammar.start(B)
    for _ in range(200):
        allowed = np.asarray(grammar.allowed(state))
        expect(
            allowed.shape == (n_y, B) and allowed.dtype == np.bool_,
            f"allowed is {allowed.dtype} of shape {allowed.shape}, expected bool of {(n_y, B)}",
        )
        expect(np.array_equal(allowed, grammar.allowed(state)), "two looks at one state are unlike")
        ended = ~allowed.any(axis=0)
        ids = np.array([rng.choice(np.flatnonzero(column | ~column.any())) for column in allowed.T])
        before, state = state, grammar.follow(state, ids)
        expect(np.array_equal(allowed, grammar.allowed(before)), "follow changed the state given")
        expect(not (ended & grammar.allowed(state).any(axis=0)).any(), "a text that ended goes on")
        if ended.all():
            return


CHECKS = (
    check_vocabulary,
    check_determinism,
    check_shift,
    check_examples,
    check_held_out,
    check_evaluation,
    check_grammar,
)

DatasetSuite = make_suite("dataset", CHECKS)
