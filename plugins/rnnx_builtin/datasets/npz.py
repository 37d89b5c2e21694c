"""Sequences as NumPy arrays in an .npz file, as ``numpy.savez(FILE, x=…, y=…)`` writes it.

    x        (N, T, n) floats: n features a step;  (N, T) floats: one;  (N, T) ints: symbols
    y        ints: classes, (N, T) a step or (N,) a sequence
             floats: values, bools: bits; (N, T, k) a step or (N, k), (N,) a sequence
    lengths  (N,) ints, the steps of each sequence; without it all have T
    weight   how much a target counts, (N, T) a step or (N,) a sequence; without it 1

Nothing in the file is unpickled, so that a file from a stranger runs no code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.ranges import require, require_share
from rnnx.data.array_file import read_arrays
from rnnx.data.corpus import Corpus
from rnnx.data.named_file import named_file
from rnnx.data.sequences import Sequences
from rnnx.data.targets import Quantity, Targets, bits, classes, values
from rnnx.data.vocabulary import Vocabulary
from rnnx.errors import DataError
from rnnx_builtin.datasets.holding_out import split_sequences
from rnnx_builtin.datasets.standardizing import quantities_of, standardized

ARRAYS = ("x", "y", "lengths", "weight")


@dataclass(frozen=True)
class Npz:
    """The sequences of an .npz file."""

    path: str = ""
    """The file; ~ is your home folder."""
    standardize: bool = True
    """Give features and values the mean 0 and the deviation 1 of the training part."""
    val_fraction: float = 0.1
    """The fraction of sequences that is held out, drawn at random, from each class where a sequence
    has one. 0 ≤ fraction < 1; 0: none."""
    split_seed: int = 0
    """The seed that draws the held-out sequences, whatever the run's own seed. At least 0."""

    def __post_init__(self) -> None:
        require_share("val_fraction", self.val_fraction)
        require(self.split_seed >= 0, "split_seed", "at least 0", self.split_seed)

    def load(self, seed: int) -> Corpus:
        file = named_file(self.path, "dataset.path")
        arrays = _Arrays(file.name, read_arrays(file))
        n_symbols = arrays.n_symbols
        width = len(str(max(n_symbols - 1, 0)))
        names = [f"{k:0{width}}" for k in range(n_symbols)]  # sorted as texts, too
        whole, targets = arrays.sequences(), arrays.targets()
        strata = whole.y if targets.per_sequence and targets.are_ids else None
        train, val = split_sequences(whole, self.val_fraction, seed, strata)
        features: tuple[Quantity, ...] = ()
        if whole.features is not None:
            found = [f"x{k + 1}" for k in range(whole.features.shape[1])]
            features = self._quantities(found, whole.features[_steps(train)])
            x = standardized(whole.features, features)
            train, val = replace(train, features=x), val and replace(val, features=x)
        if targets.quantities:
            known = train.y if train.per_sequence else train.y[_steps(train)]
            chosen = self._quantities([one.name for one in targets.quantities], known)
            targets = values(chosen, targets.per_sequence)
            train = replace(train, y=standardized(train.y, chosen))
            val = val and replace(val, y=standardized(val.y, chosen))
        return Corpus(
            Vocabulary(tuple(names), separator=" " if names else ""),
            train,
            val,
            file.sha256(),
            source=file.source,
            targets=targets,
            features=features,
        )

    def _quantities(self, names: list[str], training: Array) -> tuple[Quantity, ...]:
        if not self.standardize:
            return tuple(Quantity(name) for name in names)
        return tuple(quantities_of(names, training))


def _steps(part: Sequences) -> Array:
    """The places of all steps of a part."""
    assert part.starts is not None
    ends = np.cumsum(part.lengths)
    within = np.arange(int(ends[-1])) - np.repeat(ends - part.lengths, part.lengths)
    found: Array = np.repeat(part.starts, part.lengths) + within
    return found


class _Arrays:
    """The arrays of a file, checked against each other; DataError says which does not fit."""

    def __init__(self, name: str, arrays: Mapping[str, Array]) -> None:
        self._name = name
        if unknown := sorted(set(arrays) - set(ARRAYS)):
            raise self._error(unknown[0], f"is none of {', '.join(ARRAYS)}; save it elsewhere")
        for wanted in ("x", "y"):
            if wanted not in arrays:
                raise DataError(f"{name}: has no array {wanted}; save it with numpy.savez")
        self.x, self.y = arrays["x"], arrays["y"]
        if self.x.ndim not in (2, 3) or not self.x.size or self.x.dtype.kind == "b":
            raise self._wrong("x", self.x, "(N, T, n) floats, or (N, T) ints")
        if self.x.ndim == 3 or self.x.dtype.kind == "f":
            self.x = self.x.reshape(*self.x.shape[:2], -1).astype(np.float64)
        self.N, self.T = self.x.shape[:2]
        self.per_sequence = self.y.ndim < 2 + (self.y.dtype.kind not in "iu")
        self.lengths = self._lengths(arrays.get("lengths"))
        self.weight = self._weight(arrays.get("weight"))
        self._check_y()

    @property
    def n_symbols(self) -> int:
        """How many symbols x has: 0 where it has features."""
        if self.x.ndim == 3:
            return 0
        least, most = int(self.x[self._valid].min()), int(self.x[self._valid].max())
        if least < -1 or most >= 2**31:
            raise self._error("x", f"has the symbols {least} … {most}; expected 0 and above")
        if most < 1:
            raise self._error("x", "has one symbol; nothing to learn from")
        return most + 1

    @property
    def _valid(self) -> Array:
        found: Array = np.arange(self.T) < self.lengths[:, None]  # (N, T)
        return found

    def _lengths(self, given: Array | None) -> Array:
        if given is None:
            return np.full(self.N, self.T)
        if given.shape != (self.N,) or given.dtype.kind not in "iu":
            raise self._wrong("lengths", given, f"({self.N},) ints, one for each sequence of x")
        if not 1 <= int(given.min()) <= int(given.max()) <= self.T:
            found = f"{given.min()} … {given.max()}"
            raise self._error("lengths", f"holds {found}; expected 1 … {self.T}, the steps of x")
        return given.astype(np.int64)

    def _weight(self, given: Array | None) -> Array | None:
        shape = (self.N,) if self.per_sequence else (self.N, self.T)
        if given is None:
            return None
        if given.shape != shape:
            raise self._wrong("weight", given, f"{shape}, one for each target")
        if given.min() < 0 or not (given > 0).any():
            raise self._error("weight", "must be at least 0, and somewhere above 0")
        return given.astype(np.float32).reshape(-1)

    def _check_y(self) -> None:
        kind = {"f": "values", "b": "bits"}.get(self.y.dtype.kind, "classes")
        leading = (self.N,) if self.per_sequence else (self.N, self.T)
        most = 2 if kind == "classes" else 3
        if not 1 <= self.y.ndim <= most or self.y.shape[: len(leading)] != leading:
            raise self._wrong("y", self.y, f"{self.N} sequences of {self.T} steps, as x has")
        if kind != "classes" and not self.y.size:
            raise self._error("y", "has no values")

    def targets(self) -> Targets:
        """What y is."""
        if self.y.dtype.kind in "iu":
            return classes([str(k) for k in self._labels], self.per_sequence)
        count = self.y.size // (self.N if self.per_sequence else self.N * self.T)
        names = [f"y{k + 1}" for k in range(count)]
        make = bits if self.y.dtype.kind == "b" else values
        return make(names, per_sequence=self.per_sequence)

    @property
    def _labels(self) -> Array:
        """The classes that count, sorted."""
        counts = self._valid.reshape(-1) if not self.per_sequence else np.ones(self.N, bool)
        counts = counts if self.weight is None else counts & (self.weight > 0)
        found = np.unique(self.y.reshape(-1)[counts])
        if len(found) < 2:
            raise self._error("y", f"has the class {found[0]} alone; give two classes or more")
        return found

    def sequences(self) -> Sequences:
        """All sequences; a step is a row of flat arrays, those beyond a length included."""
        y = self.y.reshape(self.N if self.per_sequence else self.N * self.T, -1)
        if self.y.dtype.kind in "iu":
            labels = self._labels
            y = np.minimum(np.searchsorted(labels, y[:, 0]), len(labels) - 1)
        elif self.y.dtype.kind == "b":
            y = y.astype(np.float32)
        flat = self.x.reshape(self.N * self.T, *self.x.shape[2:])
        is_ids = self.x.ndim == 2
        return Sequences(
            self.lengths,
            y,
            flat if is_ids else None,
            None if is_ids else flat,
            self.weight,
            self.per_sequence,
            np.arange(self.N) * self.T,
        )

    def _wrong(self, array: str, found: Array, expected: str) -> DataError:
        return self._error(array, f"is {found.dtype} of shape {found.shape}; expected {expected}")

    def _error(self, array: str, what: str) -> DataError:
        return DataError(f"{self._name}: array {array} {what}")
