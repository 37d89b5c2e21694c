"""The combinations of a sweep: how many there are and which is the n-th, without listing them."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rnnx.contracts.components import KINDS, RECIPES
from rnnx.errors import ConfigError
from rnnx.sweeps.words import value_of

GROUPS = (*KINDS, *RECIPES)  # keys whose value decides which other keys there are
Row = Mapping[str, str]  # key → value in Hydra's grammar


@dataclass(frozen=True, eq=False)
class Axis:
    """Values that are tried one after the other, each a row of one key or of several."""

    keys: tuple[str, ...]
    rows: Sequence[Row]
    checked: Sequence[int] | None = None  # the rows to check, if not all: the ends of a range

    @property
    def to_check(self) -> Sequence[int]:
        """The numbers of the rows that are composed before the first job."""
        return range(len(self.rows)) if self.checked is None else self.checked


@dataclass(frozen=True, eq=False)
class Branch:
    """Parts that are tried where ``key`` has one of ``values`` (see :func:`value_of`)."""

    key: str
    values: frozenset[object]
    parts: Parts

    def holds(self, job: Row) -> bool:
        """Whether its parts are tried in this job."""
        return self.key in job and _known(job[self.key]) in self.values


@dataclass(frozen=True, eq=False)
class Union:
    """Spaces that are tried one after the other."""

    spaces: tuple[Parts, ...]


Node = Axis | Branch | Union
Parts = tuple[Node, ...]


@functools.cache
def _known(text: str) -> object:
    return value_of(text)


@dataclass(frozen=True, eq=False)
class Space:
    """Every combination of ``parts``, the last one changing fastest, beside ``fixed`` values.

    The jobs are numbered from 0, and each is made from its number alone.
    """

    parts: Parts
    fixed: Row = field(default_factory=dict)
    _counts: dict[object, int] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """The number of combinations."""
        return self._count(self.parts, self.fixed)

    def __getitem__(self, number: int) -> dict[str, str]:
        """The values that the combination of this number sets beside the fixed ones."""
        if not 0 <= number < self.size:
            raise IndexError(number)
        parts, job = self.parts, dict(self.fixed)
        while parts:
            head, rest = parts[0], parts[1:]
            if isinstance(head, Branch):
                parts = (*head.parts, *rest) if head.holds(job) else rest
            elif isinstance(head, Union):
                ways = [(*space, *rest) for space in head.spaces]
                place, number = _place((self._count(way, job) for way in ways), number)
                parts = ways[place]
            else:
                place, number = self._row(head, rest, job, number)
                job, parts = _with(job, head.rows[place]), rest
        return self._own(job)

    def covering(self, every_choice: bool) -> Iterator[dict[str, str]]:
        """Combinations in which every value occurs, in all that is decided by the values before.

        ``every_choice``: all combinations of components occur, too.
        """
        return map(self._own, self._cover(self.parts, dict(self.fixed), every_choice))

    def _own(self, job: Row) -> dict[str, str]:
        return {key: text for key, text in job.items() if key not in self.fixed}

    def _row(self, axis: Axis, rest: Parts, job: Row, number: int) -> tuple[int, int]:
        """The row of the combination of this number, and the number among the row's own."""
        if _decides(axis, rest):
            counts = (self._count(rest, {**job, **row}) for row in axis.rows)
            return _place(counts, number)
        return divmod(number, self._count(rest, job))

    def _count(self, parts: Parts, job: Row) -> int:
        """The number of combinations of ``parts`` in a job that has these values already."""
        if not parts:
            return 1
        deciding = frozenset((key, job.get(key)) for key in _tested(parts))
        known = (tuple(map(id, parts)), deciding)
        if known not in self._counts:
            self._counts[known] = self._count_anew(parts[0], parts[1:], job)
        return self._counts[known]

    def _count_anew(self, head: Node, rest: Parts, job: Row) -> int:
        if isinstance(head, Branch):
            return self._count((*head.parts, *rest) if head.holds(job) else rest, job)
        if isinstance(head, Union):
            return sum(self._count((*space, *rest), job) for space in head.spaces)
        if _decides(head, rest):
            return sum(self._count(rest, {**job, **row}) for row in head.rows)
        return len(head.rows) * self._count(rest, job)

    def _cover(
        self, parts: Parts, job: dict[str, str], every_choice: bool
    ) -> Iterator[dict[str, str]]:
        if not parts:
            yield job
            return
        head, rest = parts[0], parts[1:]
        if isinstance(head, Branch):
            following = (*head.parts, *rest) if head.holds(job) else rest
            yield from self._cover(following, job, every_choice)
        elif isinstance(head, Union):
            for space in head.spaces:
                yield from self._cover((*space, *rest), job, every_choice)
        else:
            decides = _decides(head, rest)
            chooses = every_choice and any(key in GROUPS for key in head.keys)
            numbers = range(len(head.rows)) if decides else head.to_check
            for place, number in enumerate(numbers):
                covered = self._cover(rest, _with(job, head.rows[number]), every_choice)
                if decides or chooses or place == 0:
                    yield from covered
                else:
                    yield next(covered)


def _with(job: Mapping[str, str], row: Row) -> dict[str, str]:
    """The values of a job and those of a row; ConfigError where both have one for a key."""
    for key in row:
        if key in job:
            raise ConfigError(
                f"{key}: gets two values in one job, {job[key]} and {row[key]}; let one part of "
                "the sweep set it"
            )
    return {**job, **row}


def _place(counts: Iterator[int], number: int) -> tuple[int, int]:
    """In which of several groups of combinations a number is, and its number within the group."""
    for place, count in enumerate(counts):
        if number < count:
            return place, number
        number -= count
    raise IndexError(number)


def _decides(axis: Axis, rest: Parts) -> bool:
    """Whether the values of an axis decide which of the other parts are tried."""
    return not _tested(rest).isdisjoint(axis.keys)


def _tested(parts: Parts) -> frozenset[str]:
    """The keys on whose values some of the parts depend."""
    found: set[str] = set()
    for part in parts:
        if isinstance(part, Branch):
            found |= {part.key} | _tested(part.parts)
        elif isinstance(part, Union):
            found |= frozenset().union(*map(_tested, part.spaces))
    return frozenset(found)


def keys_of(parts: Parts) -> list[str]:
    """The keys that the parts set in some job, in order."""
    found: dict[str, None] = {}
    for part in parts:
        if isinstance(part, Axis):
            found |= dict.fromkeys(part.keys)
        elif isinstance(part, Branch):
            found |= dict.fromkeys(keys_of(part.parts))
        else:
            for space in part.spaces:
                found |= dict.fromkeys(keys_of(space))
    return list(found)


def values_in(parts: Parts, key: str) -> list[str]:
    """The values that the parts give to a key in some job."""
    found: list[str] = []
    for part in parts:
        if isinstance(part, Axis) and key in part.keys:
            found += [row[key] for row in part.rows if key in row]
        elif isinstance(part, Branch):
            found += values_in(part.parts, key)
        elif isinstance(part, Union):
            for space in part.spaces:
                found += values_in(space, key)
    return found
