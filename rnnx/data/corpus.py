"""What a data set returns: a corpus, whose parts have one of four shapes.

The next symbol of a text is learned from

Examples   many short sequences, each with a beginning and an end (lines, names)
Stream     one long sequence, read in B parallel columns whose state is carried on

and all other targets from

Sequences  finite sequences with targets (rnnx/data/sequences.py)
Endless    sequences that a function of a generator draws without end, for training
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from rnnx.arrays import Array
from rnnx.data.sequences import Endless, Sequences
from rnnx.data.targets import NEXT_SYMBOL, Quantity, TargetKind, Targets, refuse_wrong_quantities
from rnnx.data.vocabulary import Vocabulary
from rnnx.data.yardsticks import Criterion, Level, refuse_wrong_yardsticks
from rnnx.errors import CorpusError, DataError


@dataclass(frozen=True, eq=False)
class Examples:
    """Sequences cut from one array of ids.

    Example i predicts ``y = ids[starts[i] : starts[i] + lengths[i]]``; its input is y delayed by
    one step, after ``first[i]`` (−1, the zero vector, where ``first`` is None). So a line is its
    ids with the newline at the end.
    """

    ids: Array  # (n,) unsigned integers, may be memory-mapped
    starts: Array  # (examples,)
    lengths: Array  # (examples,), each ≥ 1
    first: Array | None = None  # (examples,) ids
    shuffle: bool = True  # draw a new order in every epoch; False: keep this one
    carry: bool = False  # the final state of a batch is the initial one of the next

    def __post_init__(self) -> None:
        if len(self.starts) != len(self.lengths):
            raise CorpusError(
                f"examples: {len(self.starts)} starts for {len(self.lengths)} lengths; "
                "give one length a start"
            )
        if len(self.lengths) and int(np.min(self.lengths)) < 1:
            place = int(np.argmin(self.lengths))
            raise CorpusError(
                f"examples: lengths[{place}] is {self.lengths[place]}; each must be at least 1"
            )

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def tokens(self) -> int:
        """The number of targets."""
        return int(np.sum(self.lengths))

    def targets(self, i: int) -> Array:
        """The targets of example i."""
        start = int(self.starts[i])
        return self.ids[start : start + int(self.lengths[i])]

    def target_chunks(self, most: int) -> Iterator[Array]:
        """All targets in order, about ``most`` at once."""
        ends = np.cumsum(self.lengths)
        begin = 0
        while begin < len(self):
            done = int(ends[begin - 1]) if begin else 0
            end = max(begin + 1, int(np.searchsorted(ends, done + most, "right")))
            if end == begin + 1:  # it may be longer than a chunk
                yield from slices(self.targets(begin), most)
            else:
                lengths = self.lengths[begin:end]
                # The place in ids of every target: its example's start and how far it is in there.
                shifts = self.starts[begin:end] - (ends[begin:end] - lengths - done)
                yield self.ids[np.repeat(shifts, lengths) + np.arange(int(lengths.sum()))]
            begin = end

    def select(self, which: Array) -> Examples:
        """The examples at the places ``which``, in that order."""
        first = None if self.first is None else self.first[which]
        return Examples(
            self.ids, self.starts[which], self.lengths[which], first, self.shuffle, self.carry
        )


@dataclass(frozen=True, eq=False)
class Stream:
    """One sequence of ids, cut into windows of ``length`` steps."""

    ids: Array  # (n,) unsigned integers, may be memory-mapped
    length: int  # T, the steps of a window

    def __post_init__(self) -> None:
        if self.length < 1:
            raise DataError(f"dataset.length: {self.length} is not at least 1")

    @property
    def tokens(self) -> int:
        """The number of targets: all ids but the first."""
        return max(len(self.ids) - 1, 0)


TextSplit: TypeAlias = Examples | Stream
"""A part of a corpus whose targets are the next symbols."""

Split: TypeAlias = Examples | Stream | Sequences | Endless


@dataclass(frozen=True, eq=False)
class Corpus:
    """A data set that was loaded.

    Its inputs are symbols of ``vocabulary``, or ``features`` (real numbers, the vocabulary being
    ``Vocabulary(())``), or both. What is learned is ``targets``. Where that is not the next symbol,
    ``train`` is Sequences or Endless and ``val`` Sequences, whose arrays fit ``targets``.
    """

    vocabulary: Vocabulary  # of the inputs; no symbols where they are features alone
    train: Split
    val: Split | None  # the held-out part, None where there is none
    sha256: str  # of the data, in hexadecimal
    notes: tuple[str, ...] = ()  # for the user, one line each
    show: Callable[[str], str] = str  # formats a sample for a person
    # Formats a round of samples: (step, smoothed loss, formatted samples) → text. None: as usual.
    show_round: Callable[[int, float, Sequence[str]], str] | None = None
    source: str = ""  # the file or the address that the data was read from, for a person
    targets: Targets = NEXT_SYMBOL  # what is learned
    features: tuple[Quantity, ...] = ()  # of a step, in the order of the arrays
    levels: tuple[Level, ...] = ()  # what metrics of the held-out part are without learning
    criterion: Criterion | None = None  # when it is solved

    def __post_init__(self) -> None:
        refuse_wrong_quantities(self.features)
        refuse_wrong_yardsticks(self.levels, self.criterion)
        if self.is_language and self.features:
            raise CorpusError("corpus: features come with targets other than the next symbol")
        for name, part in (("train", self.train), ("val", self.val)):
            if isinstance(part, Sequences):
                self._check_part(name, part)
            elif self.is_language == isinstance(part, Endless) and part is not None:
                kinds = "Examples or Stream" if self.is_language else "Sequences or Endless"
                found = type(part).__name__
                raise CorpusError(f"corpus: {name} is {found}; {self.targets.words} needs {kinds}")
        if isinstance(self.val, Endless):
            raise CorpusError("corpus: val is Endless; hold out a fixed part: Endless.fixed")

    @property
    def is_language(self) -> bool:
        """Whether the next symbol is learned: then there are samples, scores and n-grams."""
        return self.targets.kind is TargetKind.next_symbol

    @property
    def n_x(self) -> int:
        """The number of inputs of a step: symbols and features."""
        return len(self.vocabulary) + len(self.features)

    @property
    def n_y(self) -> int:
        """The number of outputs that the targets need: symbols, classes, values or bits."""
        return self.targets.size or len(self.vocabulary)

    @property
    def has_weights(self) -> bool:
        """Whether some targets count more than others, or not at all."""
        part = self.train.fixed(1, 0) if isinstance(self.train, Endless) else self.train
        parts = (part, self.val)
        return any(isinstance(one, Sequences) and one.weights is not None for one in parts)

    def _check_part(self, name: str, part: Sequences) -> None:
        if cause := wrong_part(self, part):
            raise CorpusError(f"corpus: {name}: {cause}")


def text_parts(corpus: Corpus) -> tuple[TextSplit, TextSplit | None]:
    """``train`` and ``val`` of a language; DataError where the targets are others."""
    train, val = corpus.train, corpus.val
    if isinstance(train, Sequences | Endless) or isinstance(val, Sequences | Endless):
        raise DataError(f"the data has {corpus.targets.words} to learn and is no language")
    return train, val


def wrong_part(corpus: Corpus, part: Sequences) -> str:
    """Why sequences do not fit what the corpus says of its inputs and targets; empty: they do."""
    if corpus.is_language:
        return "Sequences have targets of their own; say which in Corpus(targets=…)"
    return next(_misfits(corpus, part), "")


def _misfits(corpus: Corpus, part: Sequences) -> Iterator[str]:
    targets, n_symbols, n_features = corpus.targets, len(corpus.vocabulary), len(corpus.features)
    if part.per_sequence != targets.per_sequence:
        unit = "sequence" if part.per_sequence else "step"
        yield f"its targets are one a {unit}, but the corpus has {targets.words}"
    if (part.ids is not None) != bool(n_symbols):
        there = "no ids" if part.ids is None else "ids"
        yield f"it has {there}, and the vocabulary {n_symbols} symbols"
    found = 0 if part.features is None else part.features.shape[1]
    if found != n_features:
        yield f"it has {found} features a step, the corpus names {n_features}"
    if n_symbols and n_features and part.n_symbols != n_symbols:
        yield f"n_symbols is {part.n_symbols}, the vocabulary has {n_symbols}"
    shape = np.shape(part.y)[1:]
    if shape != (() if targets.are_ids else (targets.size,)):
        yield f"y has the shape {np.shape(part.y)}, which is not that of {targets.words}"
    if (part.alternatives is not None) != targets.alternatives:
        there = "no alternatives" if targets.alternatives else "alternatives"
        yield f"it has {there}, and the corpus targets with alternatives={targets.alternatives}"
    elif part.alternatives is not None and part.alternatives.shape[1:] != (targets.size,):
        yield f"alternatives are {part.alternatives.shape}, expected (steps, {targets.size}) bools"


def examples_of(vocabulary: Vocabulary, texts: Sequence[Iterable[str]]) -> Examples:
    """Texts as examples, each closed by the vocabulary's end symbol if it has one."""
    end = [] if vocabulary.end_id is None else [vocabulary.end_id]
    encoded = [vocabulary.encode(text) + end for text in texts]
    lengths = np.array([len(ids) for ids in encoded], np.int64)
    flat = np.array([i for ids in encoded for i in ids], smallest_unsigned(len(vocabulary)))
    return Examples(flat, np.cumsum(lengths) - lengths, lengths)


def split_examples(
    examples: Examples, val_fraction: float, seed: int
) -> tuple[Examples, Examples | None]:
    """Hold out a random ``val_fraction`` (at least one example, unless it is 0)."""
    if val_fraction == 0:
        return examples, None
    held_out = max(1, int(len(examples) * val_fraction))
    if held_out >= len(examples):
        raise DataError(
            f"dataset.val_fraction: {val_fraction} of {len(examples)} examples leaves none to "
            "train on; give more data, or hold nothing out with dataset.val_fraction=0"
        )
    order = np.random.default_rng(seed).permutation(len(examples))
    # Sorted: the split alone is random, the batches decide the order of training.
    return examples.select(np.sort(order[held_out:])), examples.select(np.sort(order[:held_out]))


def split_stream(stream: Stream, val_fraction: float) -> tuple[Stream, Stream | None]:
    """Hold out the tail."""
    if val_fraction == 0:
        return stream, None
    held_out = max(2, int(len(stream.ids) * val_fraction))
    if held_out + 2 > len(stream.ids):
        raise DataError(
            f"dataset.val_fraction: {val_fraction} of {len(stream.ids)} symbols leaves none to "
            "train on; give more data, or hold nothing out with dataset.val_fraction=0"
        )
    cut = len(stream.ids) - held_out
    return Stream(stream.ids[:cut], stream.length), Stream(stream.ids[cut:], stream.length)


def slices(ids: Array, most: int) -> Iterator[Array]:
    """``ids`` in order, ``most`` at once."""
    for start in range(0, len(ids), most):
        yield ids[start : start + most]


def smallest_unsigned(n: int) -> np.dtype[np.unsignedinteger]:
    """The smallest unsigned type that holds ids below n."""
    return np.dtype(np.min_scalar_type(max(n - 1, 0)))
