"""What was typed → the space of its combinations: ranges and files are read here."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from rnnx.config.overrides import parse, refuse_no_values, values_of
from rnnx.errors import ConfigError
from rnnx.sweeps.space import Axis, Branch, Node, Parts, Row, Space, Union, values_in
from rnnx.sweeps.words import (
    ASSIGNMENT,
    Csv,
    File,
    Grid,
    Interval,
    Part,
    Values,
    When,
    Zip,
    value_of,
)
from rnnx.system.files import expanded, read_regular
from rnnx.system.suggestion import did_you_mean
from rnnx.system.text import from_csv, shortened

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

MAX_BYTES = 2**24  # of a file of values
MAX_VALUES = 100_000  # of one key, where they are listed
MAX_SHOWN = 8  # values in an error

Options = Callable[[str], Sequence[str]]  # group → the names of its choices


class Numbers(Sequence[Row]):
    """The rows of ``key=range(…)`` over whole numbers, which are not listed."""

    def __init__(self, key: str, numbers: range) -> None:
        self._key, self._numbers = key, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Row]: ...
    def __getitem__(self, place: int | slice) -> Row | Sequence[Row]:
        if isinstance(place, slice):
            return Numbers(self._key, self._numbers[place])
        return {self._key: str(self._numbers[place])}


class Builder:
    """Builds a space from overrides and words; ``read`` has the digest of every file it read."""

    def __init__(self, options: Options, fixed: Mapping[str, str]) -> None:
        self._options, self._fixed = options, dict(fixed)
        self.read: list[str] = []
        self._texts: dict[str, str] = {}  # of files: each is read once

    def space(self, parts: Sequence[Override | Part]) -> Space:
        """The space of these parts; ConfigError for one that is empty or wrong."""
        return Space(self._nodes(parts, ()), self._fixed)

    def _nodes(self, parts: Sequence[Override | Part], before: Parts) -> Parts:
        """Conditions come last: what they depend on is decided by then."""
        grids = [part for part in parts if isinstance(part, Grid)]
        nodes: list[Node] = []
        for part in parts:
            if grids and part is grids[0]:
                seen = (*before, *nodes)
                nodes.append(Union(tuple(self._nodes(grid.parts, seen) for grid in grids)))
            elif not isinstance(part, Grid | When):
                nodes.append(self._axis(part))
        for part in parts:
            if isinstance(part, When):
                nodes.append(self._branch(part, (*before, *nodes)))
        return tuple(nodes)

    def _branch(self, part: When, before: Parts) -> Branch:
        key, wanted = part.condition.key, part.condition.values
        fixed = [self._fixed[key]] if key in self._fixed else []
        there = [*fixed, *values_in(before, key)]
        if not there:
            raise ConfigError(
                f"{part}: nothing sets {key} in this sweep; say {key}=… beside it, or leave the "
                "condition out"
            )
        known = {value_of(text) for text in there}
        for text in wanted:
            if value_of(text) not in known:
                listed = ", ".join(dict.fromkeys(there[:MAX_SHOWN]))
                more = ", …" if len(there) > MAX_SHOWN else ""
                raise ConfigError(
                    f"{part}: {key} is never {text} in this sweep; choose from {listed}{more}"
                    f"{did_you_mean(text, there)}"
                )
        nodes = self._nodes(part.parts, before)
        return Branch(key, frozenset(map(value_of, wanted)), nodes)

    def keys_in(self, part: File | Csv) -> Sequence[str]:
        """The keys of a file; ConfigError for one whose values are more than texts and numbers."""
        if "$" in self._text(part):
            raise ConfigError(f"{part}: holds an interpolation; a recipe's files hold values alone")
        return self._axis(part).keys

    def _axis(self, part: Override | Values | Interval | File | Csv | Zip) -> Axis:
        if isinstance(part, Values):
            return Axis((part.key,), [{part.key: text} for text in part.values])
        if isinstance(part, Interval):
            (override,) = parse([str(part)], several=True)
            return self._of_override(override)
        if isinstance(part, File):
            return self._file(part)
        if isinstance(part, Csv):
            return self._csv(part)
        if isinstance(part, Zip):
            return self._zip(part)
        return self._of_override(part)

    def _zip(self, part: Zip) -> Axis:
        axes = [self._axis(inner) for inner in part.parts]
        counts = [f"{' and '.join(axis.keys)} has {len(axis.rows):,}" for axis in axes]
        if len({len(axis.rows) for axis in axes}) > 1:
            raise ConfigError(f"{part}: give as many values for each key ({', '.join(counts)})")
        keys = tuple(key for axis in axes for key in axis.keys)
        if twice := [key for key in keys if keys.count(key) > 1]:
            raise ConfigError(f"{part}: gives {twice[0]} twice; give it once")
        together = zip(*(axis.rows for axis in axes), strict=True)
        return Axis(keys, [{k: v for row in rows for k, v in row.items()} for rows in together])

    def _of_override(self, override: Override) -> Axis:
        from hydra.core.override_parser.types import Glob, IntervalSweep, RangeSweep

        key, value = str(override.get_key_element()), override.value()
        if isinstance(value, IntervalSweep):  # of a search, which is checked at its ends
            return Axis((key,), [{key: str(value.start)}, {key: str(value.end)}])
        refuse_no_values(override)
        if isinstance(value, RangeSweep):
            return _range(override, key, value)
        if isinstance(value, Glob):
            texts = value.filter(list(self._options(key)))
        else:
            texts = values_of(override)
        if not texts:
            raise ConfigError(f"{override.input_line}: has no values")
        return Axis((key,), [{key: text} for text in texts])

    def _file(self, part: File) -> Axis:
        lines = self._text(part).splitlines()
        typed = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
        _refuse_number(part, len(typed), "values, one a line")
        return Axis((part.key,), [{part.key: _value(part, n, part.key, t)} for n, t in typed])

    def _csv(self, part: Csv) -> Axis:
        reader = csv.reader(io.StringIO(self._text(part), newline=""), strict=True)
        try:
            found = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
        except csv.Error as error:
            raise ConfigError(f"{part}: line {reader.line_num}: {error}; correct it") from None
        found = [(number, cells) for number, cells in found if any(cells)]
        _refuse_number(part, len(found) - 1, "rows below a first row of keys")
        keys = tuple(found[0][1])
        for key in keys:
            if not ASSIGNMENT.fullmatch(f"{key}=") or keys.count(key) > 1:
                raise ConfigError(
                    f"{part}: {shortened(key, 60)!r} in its first row is "
                    f"{'there twice' if keys.count(key) > 1 else 'no key'}; begin it with the "
                    "keys, as cell,seed"
                )
        rows = []
        for number, cells in found[1:]:
            if len(cells) != len(keys):
                raise ConfigError(
                    f"{part}: line {number} has {len(cells)} cells, the first row has {len(keys)} "
                    "keys; put quotes around a cell with a comma"
                )
            typed = ((key, from_csv(cell)) for key, cell in zip(keys, cells, strict=True) if cell)
            rows.append({key: _value(part, number, key, cell) for key, cell in typed})
        return Axis(keys, rows)

    def _text(self, part: File | Csv) -> str:
        if part.path in self._texts:
            return self._texts[part.path]
        path = expanded(part.path)
        try:
            content = read_regular(path, MAX_BYTES)
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ConfigError(f"{part}: {path} is not in UTF-8; convert it") from None
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise ConfigError(f"{part}: {path} cannot be read ({why})") from None
        self.read.append(f"{part} {hashlib.sha256(content).hexdigest()}")
        self._texts[part.path] = text
        return text


def _range(override: Override, key: str, ends: Any) -> Axis:
    """The values of a range; of whole numbers they are not listed, however many they are."""
    whole = all(type(number) is int for number in (ends.start, ends.stop, ends.step))
    if whole and not ends.shuffle:
        numbers = range(ends.start, ends.stop, ends.step)
        return Axis((key,), Numbers(key, numbers), sorted({0, len(numbers) - 1}))
    count = abs((ends.stop - ends.start) / ends.step)
    if count > MAX_VALUES:
        raise ConfigError(
            f"{override.input_line}: has {count:,.0f} values; at most {MAX_VALUES:,} are listed"
        )
    texts = values_of(override)
    return Axis((key,), [{key: text} for text in texts], sorted({0, len(texts) - 1}))


def _refuse_number(part: File | Csv, count: int, what: str) -> None:
    if not 1 <= count <= MAX_VALUES:
        raise ConfigError(f"{part}: has {max(count, 0):,} {what}; give 1 to {MAX_VALUES:,}")


def _value(part: File | Csv, number: int, key: str, typed: str) -> str:
    """One value of a file in Hydra's grammar; ConfigError names its line."""
    try:
        (override,) = parse([f"{key}={typed}"])
    except ConfigError as error:
        raise ConfigError(f"{part}: line {number}: {error}") from None
    if override.is_sweep_override() or str(override.key_or_group).startswith("hydra"):
        raise ConfigError(
            f"{part}: line {number}: {key}={shortened(typed, 60)}: give one value of a run's key"
        )
    return str(override.input_line).partition("=")[2]
