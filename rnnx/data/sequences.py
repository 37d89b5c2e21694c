"""Splits whose targets are given: finite sequences with targets, and examples without end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rnnx.arrays import Array
from rnnx.errors import CorpusError


@dataclass(frozen=True, eq=False)
class Sequences:
    """Sequences with targets, end to end in flat arrays that may be memory-mapped.

    Sequence i has ``lengths[i]`` steps, those from ``starts[i]`` on; sequences may overlap (windows
    of a series). A step's input is an id, or n_features floats, or both. ``y`` has one target a
    step, or one a sequence.
    """

    lengths: Array  # (sequences,), each ≥ 1
    y: Array  # ids (n,) or floats (n, n_y); ``per_sequence``: (sequences,) or (sequences, n_y)
    ids: Array | None = None  # (n,) ids of the vocabulary; −1 is the zero vector
    features: Array | None = None  # (n, n_features) floats
    weights: Array | None = None  # (n,) or (sequences,), ≥ 0: how much a target counts; None: 1
    per_sequence: bool = False  # y and weights have one entry a sequence, not a step
    starts: Array | None = None  # (sequences,) places of the first steps; None: end to end
    n_symbols: int = 0  # the size of the vocabulary, where a step has an id and features
    shuffle: bool = True  # draw a new order in every epoch; False: keep this one
    # Metrics by length are told by these (sequences,), metrics by age by those, shaped as weights.
    sizes: Array | None = None  # what a person calls the length of a sequence; None: its steps
    ages: Array | None = None  # how many steps ago the input stood that a target asks for; 0: none
    # (n, n_y) bool, of classes a step: which of them could have stood there as well as the target.
    alternatives: Array | None = None

    def __post_init__(self) -> None:
        lengths = np.asarray(self.lengths)
        if lengths.ndim != 1 or lengths.dtype.kind not in "iu":
            found = f"{lengths.dtype} of shape {lengths.shape}"
            raise CorpusError(f"sequences: lengths are {found}, expected whole numbers in one row")
        if len(lengths) and int(np.min(lengths)) < 1:
            place = int(np.argmin(lengths))
            raise CorpusError(
                f"sequences: lengths[{place}] is {lengths[place]}; each must be at least 1"
            )
        if self.starts is None:
            starts = np.cumsum(lengths, dtype=np.int64) - lengths.astype(np.int64)
            object.__setattr__(self, "starts", starts)
        elif len(self.starts) != len(lengths):
            raise CorpusError(f"sequences: {len(self.starts)} starts for {len(lengths)} lengths")
        if self.ids is None and self.features is None:
            raise CorpusError("sequences: give ids, features or both as the inputs")
        self._check_sizes()

    def _check_sizes(self) -> None:
        inputs = [a for a in (self.ids, self.features) if a is not None]
        n, steps = len(inputs[0]), self.starts + self.lengths
        if any(len(a) != n for a in inputs):
            raise CorpusError(f"sequences: ids and features have {[len(a) for a in inputs]} steps")
        if len(self) and (int(np.min(self.starts)) < 0 or int(np.max(steps)) > n):  # type: ignore[arg-type]
            wrong = (np.asarray(self.starts) < 0) | (steps > n)
            place = int(np.argmax(wrong))
            first, end = int(self.starts[place]), int(steps[place])  # type: ignore[index]
            raise CorpusError(
                f"sequences: sequence {place} has the steps {first} … {end - 1}, the arrays have "
                f"0 … {n - 1}; the lengths or starts are those of other data"
            )
        if self.features is not None and self.features.ndim != 2:
            found = self.features.shape
            raise CorpusError(f"sequences: features are {found}, expected (steps, n_features)")
        if self.alternatives is not None and self.per_sequence:
            raise CorpusError("sequences: alternatives are those of a step, y is per_sequence")
        wanted = len(self) if self.per_sequence else n
        if self.sizes is not None and len(self.sizes) != len(self):
            raise CorpusError(f"sequences: {len(self.sizes)} sizes for {len(self)} lengths")
        of_targets = {"y": self.y, "weights": self.weights, "ages": self.ages}
        for what, array in (of_targets | {"alternatives": self.alternatives}).items():
            if array is not None and len(array) != wanted:
                each = "sequence" if self.per_sequence else "step"
                raise CorpusError(
                    f"sequences: {what} has the shape {np.shape(array)}, expected {wanted} "
                    f"entries, one a {each} of {len(self)} sequences"
                )

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def steps(self) -> int:
        """The number of steps of all sequences."""
        return int(np.sum(self.lengths))

    @property
    def tokens(self) -> int:
        """The number of targets that count: those whose weight is above 0."""
        if self.weights is None:
            return len(self) if self.per_sequence else self.steps
        if self.per_sequence:
            return int(np.count_nonzero(self.weights))
        counted = np.concatenate([[0], np.cumsum(np.asarray(self.weights) > 0)])
        return int(np.sum(counted[self.starts + self.lengths] - counted[self.starts]))

    def at_steps(self, array: Array, which: Array, T: int) -> Array:
        """(T, B) or (T, m, B) of an array with an entry a step, of the sequences at ``which`` (B,).

        Zeros stand where a sequence has ended.
        """
        return at(array, *self.steps_of(which, T))

    def steps_of(self, which: Array, T: int) -> tuple[Array, Array | None]:
        """The places (T, B) of T steps of the sequences at ``which``, and those beyond their end.

        The latter is None where no sequence has ended. A place beyond the end is any step's.
        """
        lengths = self.lengths[which].astype(np.intp)
        starts: Array = self.starts[which].astype(np.intp)  # type: ignore[index]
        steps = np.arange(T)[:, None]
        inputs = self.ids if self.ids is not None else self.features
        assert inputs is not None
        places = np.minimum(starts + steps, len(inputs) - 1)
        ended = None if int(np.minimum.reduce(lengths)) == T else steps >= lengths
        return places, ended

    def alternatives_first(self, which: Array, p: Array) -> Array:
        """(T, B) whether every target that a step could have had is more probable than all others.

        ``p`` (T, n_y, B) are probabilities for the sequences at ``which`` (B,), which have
        ``alternatives``.
        """
        assert self.alternatives is not None
        possible = self.at_steps(self.alternatives, which, len(p))
        least: Array = np.min(np.where(possible, p, np.inf), axis=1)
        most_of_others: Array = np.max(np.where(possible, -np.inf, p), axis=1)
        return np.greater(least, most_of_others)

    def select(self, which: Array) -> Sequences:
        """The sequences at the places ``which``, in that order; nothing of a step is copied."""
        starts: Any = self.starts
        of_each = {"lengths": self.lengths, "starts": starts, "sizes": self.sizes}
        if self.per_sequence:
            of_each |= {"y": self.y, "weights": self.weights, "ages": self.ages}
        there = {name: array[which] for name, array in of_each.items() if array is not None}
        return replace(self, **there)


def at(array: Array, places: Array, ended: Array | None) -> Array:
    """(n,) → (T, B), (n, m) → (T, m, B), at ``places`` (T, B), 0 beyond the ends."""
    found: Array = array[places]
    if ended is not None:
        found[ended] = 0
    return found if found.ndim == 2 else np.ascontiguousarray(np.swapaxes(found, 1, 2))


@dataclass(frozen=True, eq=False)
class Endless:
    """Examples that a function of a generator draws without end, for training.

    ``draw(rng, count)`` returns ``count`` sequences and keeps nothing: the generator is the run's,
    and a checkpoint keeps its state. The held-out part of such a corpus is :meth:`fixed`.
    """

    draw: Callable[[np.random.Generator, int], Sequences]

    @property
    def tokens(self) -> int:
        """0: their number has no end."""
        return 0

    def fixed(self, count: int, seed: int) -> Sequences:
        """``count`` sequences from a generator of this seed: the same in every run."""
        found: Any = self.draw(np.random.default_rng(seed), count)
        if not isinstance(found, Sequences):
            what = type(found).__name__
            raise CorpusError(f"draw: returned {what}, expected rnnx.Sequences")
        if len(found) != count:
            raise CorpusError(f"draw: returned {len(found)} sequences, expected {count}")
        return found

    def next(self, rng: np.random.Generator, count: int) -> Sequences:
        """The next ``count`` sequences for training."""
        return self.draw(rng, count)


def sequences_of(
    y: Sequence[Any],
    ids: Sequence[Any] | None = None,
    features: Sequence[Any] | None = None,
    weights: Sequence[Any] | None = None,
    per_sequence: bool = False,
    n_symbols: int = 0,
) -> Sequences:
    """Sequences from lists with one entry a sequence, in which steps are the first axis.

    ``ids[i]`` is (T_i,), ``features[i]`` (T_i, n_features), ``y[i]`` (T_i,) ids or (T_i, n_y)
    floats, ``weights[i]`` (T_i,). With ``per_sequence`` ``y[i]`` is an id or (n_y,) floats, and
    ``weights[i]`` a number.
    """
    first = ids if ids is not None else features
    if first is None or not len(first):
        raise CorpusError("sequences: there are none")
    _refuse_unlike(first, {"features": features, "y": y, "weights": weights}, per_sequence)
    lengths = np.array([len(one) for one in first], np.int64)
    end_to_end = np.array if per_sequence else np.concatenate
    return Sequences(
        lengths,
        end_to_end([np.asarray(one) for one in y]),
        None if ids is None else np.concatenate([np.asarray(one, np.int64) for one in ids]),
        None if features is None else np.concatenate([np.asarray(one) for one in features]),
        None if weights is None else end_to_end([np.asarray(one) for one in weights]),
        per_sequence,
        None,
        n_symbols,
    )


def _refuse_unlike(
    first: Sequence[Any], others: dict[str, Sequence[Any] | None], per_sequence: bool
) -> None:
    """CorpusError, which names the sequence, where a list does not fit the first one."""
    for what, given in others.items():
        if given is None:
            continue
        if len(given) != len(first):
            raise CorpusError(
                f"sequences: {what} has {len(given)} entries for {len(first)} sequences"
            )
        each_step = what == "features" or not per_sequence
        for k, (one, own) in enumerate(zip(given, first, strict=True)):
            shape = np.shape(one)
            if what == "features" and len(shape) != 2:
                expected = f"expected ({len(own)}, n_features)"
                raise CorpusError(f"sequences: features[{k}] has the shape {shape}, {expected}")
            if each_step and shape[:1] != (len(own),):
                expected = f"sequence {k} has {len(own)} steps"
                raise CorpusError(f"sequences: {what}[{k}] has the shape {shape}, {expected}")
