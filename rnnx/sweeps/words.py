"""What a sweep tries, as it is typed: ``key=a,b`` and words with brackets, parsed and printed.

    zip(a=1,2, b=3,4)            the first values together, the second ones together, …
    when(cell=x, cell.y=1,2)     keys that exist where another one has certain values
    grid(a=1,2, b=3,4)           a sweep of its own; several in one command are joined
    file(a=FILE)  csv(FILE)      values from a file's lines; jobs from the rows of a CSV
    sample(50, seed=0)           so many of the combinations, drawn by a seed
    shuffle(seed=0)              all of them in an order drawn by a seed

A word is never KEY=VALUE: its bracket comes before the first ``=``. So ``text=zip(a)`` is a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rnnx.config.interpolations import letters, literal
from rnnx.config.overrides import parse, parse_job, refuse_no_values, values_of
from rnnx.config.spelling import QUOTES_AFTER, quoted, split
from rnnx.errors import ConfigError
from rnnx.system.suggestion import did_you_mean

WORD = re.compile(r"\s*([A-Za-z_]\w*)\s*\((.*)", re.DOTALL)  # no key has a bracket
ASSIGNMENT = re.compile(r"[A-Za-z_][\w./@-]*=")
LARGEST_SEED = 2**63


@dataclass(frozen=True)
class Values:
    """``key=a,b``: the values of one key, each in Hydra's grammar."""

    key: str
    values: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.key}={','.join(self.values)}"


@dataclass(frozen=True)
class Interval:
    """``key=interval(a,b)``: the numbers between two ends, for a search."""

    key: str
    text: str  # in Hydra's grammar

    def __str__(self) -> str:
        return f"{self.key}={self.text}"


@dataclass(frozen=True)
class File:
    """``file(key=FILE)``: the values of one key, each a line of a file."""

    key: str
    path: str

    def __str__(self) -> str:
        return f"file({self.key}={_path_text(self.path)})"


@dataclass(frozen=True)
class Csv:
    """``csv(FILE)``: the values of several keys together, each row of a file one set of them."""

    path: str

    def __str__(self) -> str:
        return f"csv({_path_text(self.path)})"


@dataclass(frozen=True)
class Zip:
    """``zip(a=1,2, b=3,4)``: the n-th values of all parts together."""

    parts: tuple[Axis, ...]

    def __str__(self) -> str:
        return f"zip({_joined(self.parts)})"


@dataclass(frozen=True)
class When:
    """``when(a=1,2, b=3,4)``: parts that are tried where a key has one of these values."""

    condition: Values
    parts: tuple[Part, ...]

    def __str__(self) -> str:
        return f"when({_joined((self.condition, *self.parts))})"


@dataclass(frozen=True)
class Grid:
    """``grid(a=1,2, b=3,4)``: every combination of its parts, joined to those of other grids."""

    parts: tuple[Part, ...]

    def __str__(self) -> str:
        return f"grid({_joined(self.parts)})"


@dataclass(frozen=True)
class Sample:
    """``sample(50, seed=0)``: so many of the combinations."""

    count: int
    seed: int = 0

    def __str__(self) -> str:
        return f"sample({self.count}, seed={self.seed})"


@dataclass(frozen=True)
class Shuffle:
    """``shuffle(seed=0)``: all combinations in an order that the seed draws."""

    seed: int = 0

    def __str__(self) -> str:
        return f"shuffle(seed={self.seed})"


Axis = Values | File | Csv | Zip
Part = Axis | When | Grid | Interval
Word = Part | Sample | Shuffle
WORDS = ("csv", "file", "grid", "sample", "shuffle", "when", "zip")


class Typed(NamedTuple):
    """The arguments of a command: the overrides, and the words as they stand between them."""

    overrides: list[str]
    words: list[tuple[int, Word]]  # each with the number of overrides before it


def is_word(text: str) -> bool:
    """Whether an argument is a word with brackets, right or wrong, and no KEY=VALUE."""
    return WORD.match(text) is not None


def separate(arguments: Sequence[str]) -> Typed:
    """The overrides and the words among the arguments; ConfigError for a wrong word."""
    overrides: list[str] = []
    words: list[tuple[int, Word]] = []
    for argument in arguments:
        if is_word(argument):
            words.append((len(overrides), parse_word(argument)))
        else:
            overrides.append(argument)
    return Typed(overrides, words)


def parse_word(text: str) -> Word:
    """The word that is typed so; ConfigError for a wrong one."""
    match = WORD.fullmatch(text.strip())
    assert match is not None  # is_word() said so
    name, inside = match.groups()
    if name not in WORDS:
        raise ConfigError(
            f"{text}: a sweep has no word {name}; choose from {', '.join(WORDS)}"
            f"{did_you_mean(name, WORDS)}"
        )
    if not inside.endswith(")"):
        raise ConfigError(f"{text}: the bracket after {name} is not closed; end it with )")
    inside = inside[:-1].strip()
    if name == "sample":
        return _sample(text, inside)
    if name == "shuffle":
        return Shuffle(_seed(text, split(inside) if inside else []))
    if name == "csv":
        return Csv(_path(text, inside))
    if name == "file":
        key, equals, path = inside.partition("=")
        if not equals or not ASSIGNMENT.fullmatch(f"{key.strip()}="):
            raise ConfigError(f"{text}: give a key and a file: file(KEY=FILE)")
        return File(key.strip(), _path(text, path.strip()))
    return _with_parts(name, text, [_part(piece) for piece in _pieces(inside)])


def _with_parts(name: str, text: str, parts: list[Word]) -> Part:
    for part in parts:
        if isinstance(part, Sample | Shuffle):
            raise ConfigError(f"{text}: {part} is about the whole sweep; put it beside {name}(…)")
        if isinstance(part, Interval) and name != "when":
            raise ConfigError(f"{part}: list the values themselves: {part.key}=a,b")
    made = tuple(part for part in parts if not isinstance(part, Sample | Shuffle))
    if name == "zip":
        axes = tuple(part for part in made if not isinstance(part, When | Grid | Interval))
        if len(axes) < len(made) or len(axes) < 2:
            raise ConfigError(
                f"{text}: pairs values; give two keys or more: zip(a=1,2, b=3,4); each is "
                "KEY=VALUES, file(KEY=FILE) or csv(FILE)"
            )
        return Zip(axes)
    if name == "grid":
        if not made:
            raise ConfigError(f"{text}: is empty; give keys with their values: grid(a=1,2, b=3)")
        return Grid(made)
    if len(made) < 2 or not isinstance(made[0], Values):
        raise ConfigError(
            f"{text}: give first a key and its values, then what is tried with them: "
            "when(a=1, b=3,4)"
        )
    return When(made[0], made[1:])


def _pieces(inside: str) -> Iterator[str]:
    """The parts between commas; a value that follows a comma belongs to the key before it."""
    started: list[str] = []
    for piece in split(inside, QUOTES_AFTER + "=") if inside else []:
        word = WORD.match(piece)
        if started and not ASSIGNMENT.match(piece) and not (word and word[1] in WORDS):
            started.append(piece)
            continue
        if started:
            yield ",".join(started)
        started = [piece]
    if started:
        yield ",".join(started)


def _part(text: str) -> Word:
    return parse_word(text) if is_word(text) else values(text)


def values(text: str) -> Values | Interval:
    """The values of ``key=a,b``; ConfigError where it is none, or its values cannot be listed."""
    from hydra.core.override_parser.types import Glob

    (override,) = parse([text], several=True)
    key = str(override.key_or_group)
    if key.startswith("hydra"):
        raise ConfigError(f"{text}: a setting of Hydra's has one value; give it outside")
    if isinstance(override.value(), Glob):
        raise ConfigError(f"{text}: list the values themselves: {key}=a,b")
    refuse_no_values(override)
    if override.is_interval_sweep():
        return Interval(key, str(override.input_line).partition("=")[2])
    if override.is_sweep_override():
        return Values(key, tuple(values_of(override)))
    return Values(key, (str(override.input_line).partition("=")[2],))


def _sample(text: str, inside: str) -> Sample:
    count, *rest = split(inside)
    if not count.isdecimal() or int(count) < 1:
        raise ConfigError(f"{text}: give the number of jobs, at least 1: sample(50)")
    return Sample(int(count), _seed(text, rest))


def _seed(text: str, arguments: Sequence[str]) -> int:
    """The seed among a word's last arguments; 0 if there is none."""
    if not arguments:
        return 0
    name, _, value = (part.strip() for part in arguments[0].partition("="))
    is_seed = name == "seed" and value.isdecimal() and len(arguments) == 1
    if not is_seed or int(value) >= LARGEST_SEED:
        raise ConfigError(f"{text}: its one option is a seed, a whole number from 0: seed=0")
    return int(value)


def _path(text: str, typed: str) -> str:
    """The name of a file, without the quotes around it."""
    path = typed
    if typed[:1] in ("'", '"') and typed.endswith(typed[0]) and len(typed) > 1:
        (override,) = parse([f"outputs={typed}"])
        path = letters(str(override.value()))  # nothing is looked up in it
    if not path:
        raise ConfigError(f"{text}: names no file")
    return path


def _path_text(path: str) -> str:
    is_plain = re.fullmatch(r"[^\s'\"(),=\[\]{}\\$]+", path) is not None
    return path if is_plain else quoted(literal(path))


def _joined(parts: Sequence[object]) -> str:
    return ", ".join(map(str, parts))


def value_of(text: str) -> object:
    """What a value in Hydra's grammar is, for comparing it with others: 0.1 and 1e-1 are equal."""
    (override,) = parse_job([f"key={text}"])
    value = override.value()
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return repr(float(value)) if is_number else f"{type(value).__name__} {value}"
