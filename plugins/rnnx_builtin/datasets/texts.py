"""What data sets of texts with targets share: their symbols."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

import numpy as np

from rnnx.arrays import Array
from rnnx.data.vocabulary import Vocabulary
from rnnx.errors import DataError

BLANK = " "  # what stands between words


class Unit(Enum):
    """What one symbol of a text is."""

    character = "character"
    word = "word"


def symbols_of(text: str, unit: Unit) -> list[str]:
    """A text as symbols: its characters, or what stands between blanks."""
    return list(text) if unit is Unit.character else text.split()


def vocabulary_of(texts: Iterable[Sequence[str]], unit: Unit, name: str) -> Vocabulary:
    """The sorted symbols of all texts; DataError, named ``name``, for fewer than two."""
    found = sorted({symbol for text in texts for symbol in text})
    if len(found) < 2:
        raise DataError(
            f"{name}: holds one {unit.value} alone ({found[0]!r}); nothing to learn from"
        )
    return Vocabulary(tuple(found), separator=BLANK if unit is Unit.word else "")


def ids_of(texts: Sequence[Sequence[str]], vocabulary: Vocabulary) -> tuple[Array, Array]:
    """The ids of all texts, end to end, and the length of each text."""
    ids, dtype = vocabulary.ids, np.min_scalar_type(-len(vocabulary))
    lengths = np.array([len(text) for text in texts], np.int64)
    flat = (ids[symbol] for text in texts for symbol in text)
    return np.fromiter(flat, dtype, int(lengths.sum())), lengths
