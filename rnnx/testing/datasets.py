"""The checks of DatasetSuite: what every data set must do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from rnnx.contracts.components import Dataset
from rnnx.data.batches import TrainBatches, evaluation_batches
from rnnx.data.corpus import Corpus, Examples
from rnnx.data.sequences import Endless, Sequences
from rnnx.models.generation import grammar_of
from rnnx.testing.data_digest import (
    arrays_of,
    check_sha256,
    named_splits,
    named_texts,
    same_arrays,
)
from rnnx.testing.given_targets import check_apart, check_endless, check_targets, check_weights
from rnnx.testing.isolation import Results, isolation_checks
from rnnx.testing.suite import NotApplicable, expect, make_suite


def exercise(dataset: Dataset, which: int) -> Results:
    """The corpus of a seed: symbols, SHA-256, and both parts."""
    corpus = dataset.load(which)
    results: dict[str, Any] = {
        "symbols": corpus.vocabulary.symbols,
        "end": corpus.vocabulary.end,
        "sha256": corpus.sha256,
        "notes": corpus.notes,
        "whether there is a held-out part": corpus.val is not None,
    }
    for name, split in named_splits(corpus):
        results |= {f"{name}: {key}": array for key, array in arrays_of(split).items()}
    return results


check_process, check_history, check_other_process = isolation_checks(exercise)


def check_vocabulary(dataset: Dataset) -> None:
    """There are two symbols or more, sorted and distinct, and every id is one of a symbol."""
    corpus = dataset.load(0)
    texts, symbols = named_texts(corpus), list(corpus.vocabulary.symbols)
    expect(
        symbols == sorted(set(symbols)), "the symbols of the vocabulary are not sorted and distinct"
    )
    expect(
        len(symbols) >= 2, f"the vocabulary has {len(symbols)} symbols; it must have two or more"
    )
    for name, split in texts:
        ids = np.asarray(split.ids)
        expect(ids.ndim == 1 and ids.dtype.kind in "iu", f"{name}: ids are {ids.dtype}")
        smallest, largest = int(np.min(ids)), int(np.max(ids))
        expect(smallest >= 0, f"{name}: id {smallest} is below 0")
        expect(largest < len(symbols), f"{name}: id {largest} in a vocabulary of {len(symbols)}")


def check_determinism(dataset: Dataset) -> None:
    """The same seed gives the same corpus."""
    one, two = dataset.load(3), dataset.load(3)
    expect(one.sha256 == two.sha256, "two loads have different SHA-256 sums")
    expect(bool(one.sha256), "the corpus has no SHA-256")
    other = dataset.load(4).sha256
    expect(other == one.sha256, "the SHA-256 depends on the seed; it is that of the whole data")
    for (name, first), (_, second) in zip(named_splits(one), named_splits(two), strict=True):
        arrays, others = arrays_of(first), arrays_of(second)
        expect(arrays.keys() == others.keys(), f"{name}: two loads have different arrays")
        for key, array in arrays.items():
            expect(same_arrays(array, others[key]), f"{name}: {key}: two loads differ")


def check_shift(dataset: Dataset) -> None:
    """In every batch x is y delayed by one step, and −1 in the padding."""
    corpus = dataset.load(0)
    named_texts(corpus)
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
    """If the vocabulary has an end symbol, each example ends with it and has no other."""
    corpus = dataset.load(0)
    end = corpus.vocabulary.end_id
    for name, split in named_texts(corpus):
        if not isinstance(split, Examples):
            expect(
                end is None, f"{name}: the split is a stream, but the vocabulary has an end symbol"
            )
            continue
        expect(int(np.min(split.lengths)) >= 1, f"{name}: an example has no target")
        _check_places(split, name, len(corpus.vocabulary))
        for i in range(min(len(split), 200)):
            places, length = np.flatnonzero(split.targets(i) == end).tolist(), int(split.lengths[i])
            expect(
                end is None or places == [length - 1],
                f"{name}: example {i} of length {length} has end symbols at {places}",
            )


def _check_places(split: Examples, name: str, n_y: int) -> None:
    """Every example lies within the ids: what lies beyond would be read as the last id."""
    first, last = int(np.min(split.starts)), int(np.max(split.starts + split.lengths))
    expect(
        first >= 0 and last <= len(split.ids),
        f"{name}: examples reach from {first} to {last}, the ids from 0 to {len(split.ids)}",
    )
    if split.first is not None:
        inputs = np.asarray(split.first)
        expect(
            inputs.shape == (len(split),) and bool(((inputs >= -1) & (inputs < n_y)).all()),
            f"{name}: first must hold an id of −1 … {n_y - 1} for each example",
        )


def check_held_out(dataset: Dataset) -> None:
    """No example is in both parts, and the split does not change the vocabulary."""
    corpus = dataset.load(1)
    train, val = corpus.train, corpus.val
    if isinstance(train, Sequences) and isinstance(val, Sequences):
        check_apart(train, val)
    if isinstance(train, Examples) and isinstance(val, Examples):
        both = set(train.starts.tolist()) & set(val.starts.tolist())
        shared = both if np.shares_memory(train.ids, val.ids) else set()
        expect(not shared, f"{len(shared)} examples are in both the training and the held-out part")
    empty = not isinstance(train, Endless) and not train.tokens
    expect(not empty, "the training part is empty")
    expect(corpus.val is None or corpus.val.tokens > 0, "the held-out part is empty")
    if any(name == "val_fraction" for name in getattr(dataset, "__dataclass_fields__", {})):
        changed: Any = replace(dataset, val_fraction=0.0)  # type: ignore[type-var]
        whole = changed.load(1)
        expect(whole.val is None, "val_fraction=0: there is a held-out part")
        same = whole.vocabulary == corpus.vocabulary
        expect(same, "the vocabulary depends on the split; build it from the whole data")
        expect(
            whole.sha256 == corpus.sha256,
            "the SHA-256 depends on the split; it is that of the whole data",
        )
        _check_copies(corpus, whole)


def _check_copies(corpus: Corpus, whole: Corpus) -> None:
    """The held-out examples are not copies of examples of the training part."""
    train, val, both = corpus.train, corpus.val, whole.train
    if not (isinstance(train, Examples) and isinstance(val, Examples)):
        return
    known = {train.targets(i).tobytes() for i in range(len(train))}
    copied = all(val.targets(i).tobytes() in known for i in range(len(val)))
    expect(
        not (copied and isinstance(both, Examples) and len(train) + len(val) > len(both)),
        f"all {len(val)} held-out examples are in the training part, too: together they are more "
        "than the whole data",
    )


def check_show(dataset: Dataset) -> None:
    """``show`` makes a text of a sample, and each note has one line."""
    corpus = dataset.load(0)
    (_, train), *_ = named_texts(corpus)
    ids = train.targets(0) if isinstance(train, Examples) else train.ids[:20]
    text = corpus.show(corpus.vocabulary.decode(ids.tolist()))
    expect(isinstance(text, str), f"show returned {type(text).__name__}, not a text")
    for note in corpus.notes:
        expect(isinstance(note, str) and "\n" not in note, f"note {note!r:.60}: must be one line")


def check_evaluation(dataset: Dataset) -> None:
    """Evaluation measures every target of both parts once."""
    for name, split in named_splits(dataset.load(0)):
        tokens = sum(batch.tokens for batch in evaluation_batches(split, 8))
        expect(tokens == split.tokens, f"{name}: {tokens} of {split.tokens} targets are measured")


def check_grammar(dataset: Dataset) -> None:
    """A grammar, if there is one, is a function of its state, and a text that ended stays ended."""
    corpus = dataset.load(0)
    named_texts(corpus)
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
        expect(
            np.array_equal(allowed, grammar.allowed(state)),
            "allowed: two calls for one state differ",
        )
        ended = ~allowed.any(axis=0)
        ids = np.array([rng.choice(np.flatnonzero(column | ~column.any())) for column in allowed.T])
        before, state = state, grammar.follow(state, ids)
        expect(
            np.array_equal(allowed, grammar.allowed(before)),
            "follow: changed the state that it was given",
        )
        expect(
            not (ended & grammar.allowed(state).any(axis=0)).any(),
            "a text that had ended may continue",
        )
        if ended.all():
            return


CHECKS = (
    check_vocabulary,
    check_determinism,
    check_shift,
    check_examples,
    check_targets,
    check_weights,
    check_endless,
    check_held_out,
    check_evaluation,
    check_grammar,
    check_sha256,
    check_show,
    check_process,
    check_history,
    check_other_process,
)

DatasetSuite = make_suite("dataset", CHECKS)
