"""Published tables as data: what was measured elsewhere, and the runs that measure it again.

A table is a file ``reproduce/NAME.yaml``, in rnnx's own configuration or in that of a plugin. It
has overrides as they are typed behind ``rnnx train -m``, and figures that were published.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from rnnx.config.recipes import conf_folder
from rnnx.contracts.components import TABLES
from rnnx.errors import ConfigError
from rnnx.registry.importing import folder_of
from rnnx.registry.manager import plugins
from rnnx.system.suggestion import did_you_mean

CAN, CANNOT = "can", "cannot"  # what theory says of a row: whether it can solve a figure's task
MARKS = ("confirmed", "second-hand")  # of a published figure: read in its source, or told by others


@dataclass(frozen=True)
class Figure:
    """A number of each row: a metric of its runs."""

    name: str
    metric: str
    unit: str = ""
    at: int | None = None  # the step, where a metric is drawn over lengths or ages: the nearest
    root: bool = False  # the square root of the metric
    chance: float = 0.0  # the metric's value that is 0 of the figure, and the one that is 1
    best: float = 1.0
    better: str = "higher"  # or lower
    solved: float = math.nan  # from which on, in the figure's unit, the task counts as solved
    digits: int = 3  # behind the decimal point
    overrides: list[str] = field(default_factory=list)  # of runs of its own
    quick: list[str] = field(default_factory=list)

    def of(self, value: float) -> float:
        """The figure of a metric's value."""
        value = math.sqrt(value) if self.root else value
        return (value - self.chance) / (self.best - self.chance)

    @property
    def meaning(self) -> str:
        """The metric that it is made of, in Markdown."""
        text = f"`{self.metric}`" + (f" at about {self.at}" if self.at is not None else "")
        text = f"the square root of {text}" if self.root else text
        if (self.chance, self.best) == (0.0, 1.0):
            return text
        return f"{text}, scaled so that {self.chance:g} is 0 and {self.best:g} is 1"

    def is_solved(self, value: float) -> bool:
        """Whether a value of the figure is as good as the bound."""
        return value >= self.solved if self.better == "higher" else value <= self.solved

    def text(self, value: float) -> str:
        """A value as a table has it."""
        return "—" if math.isnan(value) else f"{value:.{self.digits}f}"


@dataclass(frozen=True)
class Row:
    """A configuration, or one for each figure that has runs of its own."""

    name: str
    overrides: list[str] = field(default_factory=list)
    quick: list[str] = field(default_factory=list)
    published: dict[str, float] = field(default_factory=dict)  # figure → value
    mark: str = ""  # of what is published; the table's unless given
    predicted: dict[str, str] = field(default_factory=dict)  # figure → can or cannot
    because: str = ""


@dataclass(frozen=True)
class Table:
    """A published table."""

    title: str
    source: str
    differs: str  # what is otherwise than in the source
    figures: list[Figure]
    rows: list[Row]
    overrides: list[str] = field(default_factory=list)  # of all rows
    quick: list[str] = field(default_factory=list)  # more of them with --quick, of smaller budgets
    needs: dict[str, str] = field(default_factory=dict)  # key that the user gives → what it is
    mark: str = ""
    name: str = ""  # that of its file


def table_names() -> list[str]:
    """The tables of rnnx and of plugins."""
    return sorted(_files())


def table_named(name: str) -> Table:
    """The table of this name; ConfigError where there is none, or it is wrong."""
    files = _files()
    if name not in files:
        raise ConfigError(
            f"{name}: no published table has this name; choose from {', '.join(sorted(files))}"
            f"{did_you_mean(name, sorted(files))}"
        )
    return read_table(files[name], name)


def with_rows(table: Table, names: Sequence[str]) -> Table:
    """The table with the rows of these names alone; with all where none is named."""
    known = [row.name for row in table.rows]
    for name in names:
        if name not in known:
            raise ConfigError(
                f"--row {name}: {table.name} has no such row; choose from {', '.join(known)}"
                f"{did_you_mean(name, known)}"
            )
    rows = [row for row in table.rows if row.name in names]
    return dataclasses.replace(table, rows=rows or table.rows)


def tables_in(folder: Traversable) -> Iterator[Traversable]:
    """The files of tables in a folder of configuration."""
    place = folder / TABLES
    if place.is_dir():
        yield from (file for file in place.iterdir() if file.name.endswith(".yaml"))


def _files() -> dict[str, Traversable]:
    """Name → file; rnnx's own hides that of a plugin, as its recipes do."""
    folders = [folder_of(path) for _, path in reversed(plugins().conf_paths)]
    ordered: list[Traversable] = [*folders, conf_folder()]
    return {file.name.removesuffix(".yaml"): file for one in ordered for file in tables_in(one)}


def read_table(file: Traversable | Path, name: str) -> Table:
    """The table in a file; ConfigError that names the file and what is wrong in it."""
    import yaml

    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
        table = _table(values, name)
        _refuse_wrong(table)
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        raise ConfigError(f"{file}: {' '.join(str(error).split())}; correct the table") from None
    return table


def _table(values: Any, name: str) -> Table:
    known = _fields(Table, values, "the table")
    figures, rows = known.pop("figures"), known.pop("rows")
    if not (isinstance(figures, list) and isinstance(rows, list) and figures and rows):
        raise ValueError("figures and rows: give a list of one or more")
    return Table(
        **{**known, "name": name},
        figures=[Figure(**_fields(Figure, one, "figures")) for one in figures],
        rows=[Row(**_fields(Row, one, "rows")) for one in rows],
    )


def _fields(of: type[Any], values: Any, where: str) -> dict[str, Any]:
    """The values of a mapping, none lacking and none unknown."""
    if not isinstance(values, Mapping):
        raise ValueError(f"{where}: {values!r:.60} is no mapping of keys to values")
    names = [one.name for one in dataclasses.fields(of)]
    needed = [
        one.name
        for one in dataclasses.fields(of)
        if one.default is dataclasses.MISSING and one.default_factory is dataclasses.MISSING
    ]
    for key in values:
        if key not in names:
            raise ValueError(f"{where}: has no key {key}; choose from {', '.join(names)}")
    for key in needed:
        if key not in values:
            raise ValueError(f"{where}: lacks {key}")
    return dict(values)


def _refuse_wrong(table: Table) -> None:
    figures = {one.name: one for one in table.figures}
    for one in table.figures:
        if one.better not in ("higher", "lower"):
            raise ValueError(f"figure {one.name}: better is higher or lower, not {one.better}")
    for row in table.rows:
        where = f"row {row.name}"
        for name in (*row.published, *row.predicted):
            if name not in figures:
                raise ValueError(f"{where}: no figure is called {name}")
        if row.published and (row.mark or table.mark) not in MARKS:
            raise ValueError(f"{where}: mark what is published as {' or '.join(MARKS)}")
        for name, said in row.predicted.items():
            if said not in (CAN, CANNOT) or math.isnan(figures[name].solved):
                raise ValueError(
                    f"{where}: predicted is {CAN} or {CANNOT}, of a figure with a bound 'solved'"
                )
