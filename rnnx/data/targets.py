"""What is learned from a sequence: the next symbol, classes, values or bits.

Each kind but the next symbol has one target a step, or one for the whole sequence:

                  a step               the sequence
    classes       (T, B) ids           (B,) ids
    values, bits  (T, n_y, B) floats   (n_y, B) floats

The next symbol is (T, B) ids of the inputs' vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import numpy as np

from rnnx.arrays import Array
from rnnx.errors import DataError


class TargetKind(Enum):
    """What one target is."""

    next_symbol = "next_symbol"  # of the inputs' own vocabulary
    classes = "classes"  # one of several names
    values = "values"  # real numbers
    bits = "bits"  # numbers 0 or 1, any of which may be 1 at once


OF_IDS = (TargetKind.next_symbol, TargetKind.classes)  # kinds whose targets are ids


class Quantity(NamedTuple):
    """A real number that is an input or a target: its name, its unit, and how it is standardized.

    Arrays hold (value − mean) / deviation. Metrics and predictions are told in the unit.
    """

    name: str
    unit: str = ""  # "°C"; "": none
    mean: float = 0.0
    deviation: float = 1.0  # > 0


@dataclass(frozen=True)
class Targets:
    """What the targets of a corpus are; made by :func:`classes`, :func:`values`, :func:`bits`."""

    kind: TargetKind = TargetKind.next_symbol
    names: tuple[str, ...] = ()  # of the classes in the order of their ids, or of the bits
    quantities: tuple[Quantity, ...] = ()  # the values
    per_sequence: bool = False  # one target for the whole sequence; False: one a step
    # What counts as right, in values' unit or in probability, where the data's author says so.
    tolerance: float | None = None  # the largest error of an output, ≥ 0
    alternatives: bool = False  # the data knows all targets that a step could have had

    def __post_init__(self) -> None:
        names = self.names or tuple(one.name for one in self.quantities)
        if self.kind is TargetKind.next_symbol:
            if names or self.per_sequence:
                raise DataError("targets: the next symbol is one of the inputs' own vocabulary")
            return
        if self.tolerance is not None and not 0 <= self.tolerance < math.inf:
            raise DataError(f"targets: tolerance is {self.tolerance}; give a number from 0")
        least = 2 if self.kind is TargetKind.classes else 1
        if len(names) < least or len(set(names)) != len(names) or not all(names):
            raise DataError(
                f"targets: {len(names)} {self.kind.value} with {len(set(names))} different names; "
                f"give at least {least}, each with a name of its own"
            )
        if bool(self.quantities) != (self.kind is TargetKind.values):
            raise DataError("targets: values have quantities, classes and bits have names")
        refuse_wrong_quantities(self.quantities)

    @property
    def size(self) -> int:
        """n_y, the number of classes, values or bits; 0 for the next symbol."""
        return len(self.names) or len(self.quantities)

    @property
    def are_ids(self) -> bool:
        """Whether a target is one id; else it is n_y floats."""
        return self.kind in OF_IDS

    @property
    def unit(self) -> str:
        """The word for what one target stands at."""
        return "sequence" if self.per_sequence else "step"

    @property
    def words(self) -> str:
        """What is learned, for a sentence: ``3 classes a sequence``."""
        if self.kind is TargetKind.next_symbol:
            return "the next symbol"
        what = self.kind.value if self.size > 1 else self.kind.value.removesuffix("s")
        return f"{self.size} {what} a {self.unit}"

    def read(self, target: Array) -> str:
        """One target, an id or n_y floats, as a person reads it."""
        if self.kind is TargetKind.classes:
            return self.names[int(target)]
        if self.kind is TargetKind.bits:
            on = [name for name, bit in zip(self.names, target, strict=True) if bit >= 0.5]
            return " ".join(on) or "∅"
        pairs = zip(self.quantities, np.asarray(target, np.float64), strict=True)
        texts = [f"{q.mean + q.deviation * v:.4g} {q.unit}".strip() for q, v in pairs]
        return ", ".join(texts)


NEXT_SYMBOL = Targets()
"""The next symbol: what a language model learns."""


def classes(
    names: Iterable[str],
    per_sequence: bool = False,
    tolerance: float | None = None,
    alternatives: bool = False,
) -> Targets:
    """One of ``names`` (two or more) at each step or, ``per_sequence``, for the whole sequence.

    Targets are ids, places in ``names``: (T, B), or (B,) for sequences. With a ``tolerance`` the
    metric ``within`` is the share of targets of which no probability is further from 0 or 1 than
    that. With ``alternatives`` the sequences say which targets each step could have had
    (:class:`rnnx.Sequences`), and the metric ``alternatives_first`` is the share of sequences in
    which those are the most probable at every step.
    """
    return Targets(TargetKind.classes, tuple(names), (), per_sequence, tolerance, alternatives)


def values(
    quantities: Iterable[Quantity | str],
    per_sequence: bool = False,
    tolerance: float | None = None,
) -> Targets:
    """Real numbers, each a name or a :class:`Quantity`: (T, n_y, B), or (n_y, B) for sequences.

    ``tolerance`` is the largest error, in their unit, that the metric ``within`` counts as right,
    where the head is not told another.
    """
    made = tuple(Quantity(one) if isinstance(one, str) else one for one in quantities)
    return Targets(TargetKind.values, (), made, per_sequence, tolerance)


def bits(names: Iterable[str], per_sequence: bool = False) -> Targets:
    """Numbers 0 or 1, each with a name: floats (T, n_y, B), or (n_y, B) for sequences."""
    return Targets(TargetKind.bits, tuple(names), (), per_sequence)


def refuse_wrong_quantities(quantities: Sequence[Quantity]) -> None:
    """DataError for a mean or a deviation that cannot be computed with, or for a double name."""
    for one in quantities:
        if not (math.isfinite(one.mean) and 0 < one.deviation < math.inf):
            raise DataError(
                f"{one.name}: mean {one.mean} and deviation {one.deviation} must be finite, and "
                "the deviation above 0; a column that never changes tells nothing"
            )
    if len({one.name for one in quantities}) != len(quantities):
        raise DataError("features and values: each needs a name of its own")
