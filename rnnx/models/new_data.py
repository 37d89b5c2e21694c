"""New data without targets, to be predicted: texts and arrays as a caller has them, or a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from rnnx.arrays import Array
from rnnx.contracts.components import TextReader
from rnnx.data.array_file import is_array_file, read_arrays
from rnnx.data.named_file import NamedFile
from rnnx.data.number_table import head_of, read_numbers
from rnnx.data.sequences import Sequences
from rnnx.data.targets import Quantity, Targets
from rnnx.data.vocabulary import Vocabulary
from rnnx.errors import DataError

MOST_UNKNOWN = 5  # symbols that a note names


class NewData(NamedTuple):
    """Sequences that have no targets; what a model does not take is None."""

    texts: Sequence[str] | None  # one a sequence
    features: Sequence[Array] | None  # (T, n_features) of each, in the features' own units

    def __len__(self) -> int:
        return len(self.texts if self.texts is not None else self.features or ())


class Inputs(NamedTuple):
    """What a model takes."""

    vocabulary: Vocabulary
    features: tuple[Quantity, ...]
    targets: Targets


def given(inputs: Sequence[Any], features: Sequence[Array] | None, wanted: Inputs) -> NewData:
    """``inputs``, texts or arrays, and ``features`` beside texts, as a model takes them."""
    if isinstance(inputs, str):
        raise DataError("predict: it takes a list of texts, not one text; give [text]")
    for number, one in enumerate(inputs, 1):
        if isinstance(one, str) != bool(len(wanted.vocabulary)):
            found = "a text" if isinstance(one, str) else f"{type(one).__name__}, no text"
            what = "texts" if len(wanted.vocabulary) else "arrays (T, n_features)"
            raise DataError(f"predict: input {number} is {found}; give a list of {what}")
    if len(wanted.vocabulary):
        return NewData(list(inputs), features)
    return NewData(None, [np.asarray(one) for one in inputs])


def words_of_unknown(unknown: Sequence[str]) -> str:
    """What a user is told of symbols that a model does not know."""
    shown = " ".join(map(repr, unknown[:MOST_UNKNOWN]))
    more = f" and {len(unknown) - MOST_UNKNOWN} others" if len(unknown) > MOST_UNKNOWN else ""
    return f"the model does not know {shown}{more}; it reads nothing in their place"


def sequences(data: NewData, inputs: Inputs) -> tuple[Sequences, list[str]]:
    """The sequences in a model's own ids and standardized, and the symbols that it does not know.

    An unknown symbol is read as the zero vector.
    """
    ids, lengths, unknown = _ids(data.texts, inputs.vocabulary)
    features = _standardized(data.features, inputs.features)
    if features is not None:
        found = np.array([len(one) for one in features], np.int64)
        if len(lengths) and found.tolist() != lengths.tolist():
            raise DataError("predict: each text needs as many rows of features as it has symbols")
        lengths = found
    if not len(lengths):
        raise DataError("predict: there are no sequences; give at least one")
    count, targets = (
        len(lengths) if inputs.targets.per_sequence else int(lengths.sum()),
        inputs.targets,
    )
    y = np.zeros(count, np.int64) if targets.are_ids else np.zeros((count, targets.size))
    flat = None if features is None else np.concatenate(features).astype(np.float32)
    own = targets.per_sequence, None, len(inputs.vocabulary)
    return Sequences(lengths, y, ids, flat, None, *own), unknown


def _ids(
    texts: Sequence[str] | None, vocabulary: Vocabulary
) -> tuple[Array | None, Array, list[str]]:
    if not len(vocabulary):
        if texts is not None:
            raise DataError("predict: the model takes numbers and no texts; give arrays")
        return None, np.empty(0, np.int64), []
    if texts is None or isinstance(texts, str):
        raise DataError("predict: the model takes a list of texts; give [text]")
    split = [vocabulary.split(text) for text in texts]
    for number, symbols in enumerate(split, 1):
        if not symbols:
            raise DataError(f"predict: text {number} is empty; a text has at least one symbol")
    known = vocabulary.ids
    flat = [known.get(symbol, -1) for symbols in split for symbol in symbols]
    unknown = sorted({symbol for symbols in split for symbol in symbols if symbol not in known})
    return np.array(flat, np.int64), np.array([len(one) for one in split], np.int64), unknown


def _standardized(
    features: Sequence[Array] | None, quantities: Sequence[Quantity]
) -> list[Array] | None:
    if not quantities:
        if features is not None:
            raise DataError("predict: the model takes texts and no numbers")
        return None
    names = ", ".join(one.name for one in quantities)
    if features is None:
        raise DataError(f"predict: the model takes arrays of features ({names}); give them")
    mean = np.array([one.mean for one in quantities])
    deviation = np.array([one.deviation for one in quantities])
    found = []
    for number, given in enumerate(features, 1):
        array = np.asarray(given)
        if array.ndim == 1 and len(quantities) == 1:
            array = array[:, None]
        if array.ndim != 2 or array.shape[1] != len(quantities) or not len(array):
            raise DataError(
                f"predict: sequence {number} has the shape {array.shape}; expected "
                f"(T, {len(quantities)}), a column each for {names}"
            )
        if array.dtype.kind not in "buif" or not np.isfinite(array).all():
            raise DataError(f"predict: sequence {number} has values that are no finite numbers")
        found.append((array.astype(np.float64) - mean) / deviation)
    return found


def read_new_data(file: NamedFile, inputs: Inputs, dataset: Any) -> NewData:
    """What a file holds for a model: arrays (.npy, .npz), rows of a CSV file, or texts.

    Texts are read as the model's own ``dataset`` reads them, else a line is a text. The rows of a
    CSV file are one sequence.
    """
    if inputs.features and len(inputs.vocabulary):
        raise DataError(
            f"{file.name}: the model takes symbols and numbers, which no one file has; use "
            "rnnx.load(RUN).predict(texts, features)"
        )
    if is_array_file(file):
        return _arrays(file, inputs)
    if inputs.features:
        return NewData(None, [_rows(file, inputs.features)])
    lines = dataset.texts(file) if isinstance(dataset, TextReader) else _lines(file)
    texts = [text for text in lines if inputs.vocabulary.split(text)]
    if not texts:
        raise DataError(f"{file.name}: is empty; give a text a line")
    return NewData(texts, None)


def _lines(file: NamedFile) -> Iterator[str]:
    return (line.rstrip("\n") for line in file.lines())


def _rows(file: NamedFile, features: Sequence[Quantity]) -> Array:
    """The columns of the features, by name; those of a table without a header by their order."""
    head = head_of(file)
    if not head.is_line and len(head.names) == len(features):
        return read_numbers(file).values
    return read_numbers(file, [(one.name, "the model's input") for one in features]).values


def _arrays(file: NamedFile, inputs: Inputs) -> NewData:
    """The array x of sequences (N, T, …), or of a single one."""
    arrays = read_arrays(file)
    if "x" not in arrays:
        raise DataError(f"{file.name}: has no array x; save it with numpy.savez(FILE, x=…)")
    x, count = arrays["x"], len(inputs.features)
    if count:
        if x.ndim == 1 or (x.ndim == 2 and x.shape[1] == count):
            x = x.reshape(1, -1, count)
        if x.ndim == 2 and count == 1:
            x = x[:, :, None]
        if x.ndim != 3 or x.shape[2] != count:
            raise _wrong(file, x, f"(N, T, {count}) or (T, {count}), {count} features a step")
    else:
        x = x[None] if x.ndim == 1 else x
        if x.ndim != 2 or x.dtype.kind not in "iu":
            raise _wrong(file, x, "(N, T) or (T,) ints, an id a step")
    lengths = arrays.get("lengths", np.full(len(x), x.shape[1]))
    if lengths.shape != (len(x),) or not ((lengths >= 1) & (lengths <= x.shape[1])).all():
        raise DataError(f"{file.name}: lengths must be {len(x)} ints, 1 … {x.shape[1]}")
    cut = [row[: int(length)] for row, length in zip(x, lengths, strict=True)]
    if count:
        return NewData(None, cut)
    symbols = {int(one): one for one in inputs.vocabulary.symbols if one.isdecimal()}
    between = inputs.vocabulary.separator
    return NewData([between.join(symbols.get(int(i), str(i)) for i in row) for row in cut], None)


def _wrong(file: NamedFile, x: Array, expected: str) -> DataError:
    return DataError(f"{file.name}: x is {x.dtype} of shape {x.shape}; expected {expected}")
