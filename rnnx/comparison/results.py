"""A table of results: groups over seeds, by the values of some keys down and of others across."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from rnnx.comparison.compare import Comparison, best_first, notes_on_runs
from rnnx.comparison.groups import Group, data_of, seed_of
from rnnx.comparison.measured import measured, shared_metric
from rnnx.comparison.result_keys import (
    Keys,
    differing,
    few,
    keys_of_run,
    refuse_unknown,
    swept_keys,
)
from rnnx.comparison.runs import ComparedRun
from rnnx.errors import ConfigError

Values = tuple[str, ...]  # of the keys of a row or of a column
NONE = "—"  # the value of a key that a configuration does not have


class Results(NamedTuple):
    """A table whose cells are groups of runs."""

    metric: str
    higher_is_better: bool
    row_keys: Sequence[str]
    column_keys: Sequence[str]
    rows: Sequence[Values]
    columns: Sequence[Values]  # one empty one where there are no keys for them
    cells: Mapping[tuple[Values, Values], Group]  # ranked in each column
    notes: Sequence[str]

    def heading(self, column: Values) -> str:
        """What stands above a column."""
        return ", ".join(value for value in column if value != NONE) or self.metric

    def data(self, column: Values) -> str:
        """The digest of the data of a column; "" if unknown."""
        return next(data_of(one.runs[0]) for (_, own), one in self.cells.items() if own == column)

    def code(self) -> list[str]:
        """Distributions and versions that computed the runs."""
        runs = [run for group in self.cells.values() for run in group.runs]
        pairs = {pair for run in runs for pair in (run.made_of.get("versions") or {}).items()}
        return [f"{name} {version}" for name, version in sorted(pairs)]


class _Placed(NamedTuple):
    group: Group
    keys: Keys
    row: Values
    column: Values


def results(comparison: Comparison, rows: Sequence[str], columns: Sequence[str]) -> Results:
    """The table of a comparison by these keys; without any, the keys that were swept are rows.

    Raises ConfigError for an unknown key, for a cell of several configurations and for a column
    of several data or of losses in several units.
    """
    # A run that failed before it read its data has no value, and no column to be in.
    groups = [one for one in comparison.groups if one.values or data_of(one.runs[0])]
    if not groups:
        raise ConfigError("no run has a known configuration: there is nothing to make a table of")
    keys = {group.hash: keys_of_run(group.runs[0]) for group in groups}
    refuse_unknown("--rows", rows, keys.values())
    refuse_unknown("--columns", columns, keys.values())
    if twice := [key for key in rows if key in columns]:
        raise ConfigError(f"{twice[0]} is in --rows and in --columns; keep it in one of them")
    rows = list(rows) or swept_keys([*keys.values()], columns)
    placed = [_place(group, keys[group.hash], rows, columns) for group in groups]
    in_column = _by(placed, lambda one: one.column)
    for column, own in in_column.items():
        _refuse_several_data(_label(columns, column), own)
        _refuse_several_units(_label(columns, column), own, comparison.metric)
    for (row, column), own in _by(placed, lambda one: (one.row, one.column)).items():
        _refuse_several_groups(_label([*rows, *columns], (*row, *column)), own)
    return Results(
        comparison.metric,
        comparison.higher_is_better,
        rows,
        columns,
        sorted({one.row for one in placed}, key=_natural),
        sorted(in_column, key=_natural),
        {
            (row, column): group
            for column, own in in_column.items()
            for row, group in _ranked(own, comparison.higher_is_better)
        },
        _notes(comparison, {group.hash for group in groups}),
    )


def _place(group: Group, keys: Keys, rows: Sequence[str], columns: Sequence[str]) -> _Placed:
    row, column = (tuple(keys.get(key, NONE) for key in own) for own in (rows, columns))
    return _Placed(group, keys, row, column)


def _ranked(placed: Sequence[_Placed], higher_is_better: bool) -> list[tuple[Values, Group]]:
    """The groups of a column with what sets each apart from its best, and their rows."""
    row_of = {one.group.hash: one.row for one in placed}
    ranked = best_first([one.group for one in placed], higher_is_better)
    return [(row_of[group.hash], group) for group in ranked]


def _notes(comparison: Comparison, shown: Collection[str]) -> list[str]:
    notes = notes_on_runs(comparison.runs, comparison.metric)
    if left_out := sum(run.group not in shown for run in comparison.runs):
        runs = "1 run" if left_out == 1 else f"{left_out} runs"
        notes.append(f"left out: {runs} that failed early or of unknown configuration")
    return notes


def _by(placed: Sequence[_Placed], key: Callable[[_Placed], Any]) -> dict[Any, list[_Placed]]:
    found: dict[Any, list[_Placed]] = {}
    for one in placed:
        found.setdefault(key(one), []).append(one)
    return found


def _digest(placed: _Placed) -> str:
    return data_of(placed.group.runs[0])


def _refuse_several_data(where: str, placed: Sequence[_Placed]) -> None:
    """A mean on one data is neither better nor worse than one on another."""
    first = {digest: own[0] for digest, own in _by(placed, _digest).items()}
    if len(first) < 2:
        return
    several = ", ".join(
        f"{digest[:8] or 'unknown'} of run {one.group.runs[0].run_id[:8]}"
        for digest, one in first.items()
    )
    keys = [one.keys for one in first.values()]
    differ = [key for key in differing(keys) if key.partition(".")[0] == "dataset"]
    advice = f"put {differ[0]} into --columns" if differ else "name runs on one data"
    raise ConfigError(
        f"{where} has runs on {len(first)} different data ({several}), whose values cannot be "
        f"compared; {advice}"
    )


def _refuse_several_units(where: str, placed: Sequence[_Placed], metric: str) -> None:
    """A loss in nats is neither better nor worse than an absolute error."""
    first = {unit: own[0] for unit, own in _by(placed, lambda one: _unit(one, metric)).items()}
    if len(first) < 2:
        return
    several = ", ".join(
        f"{unit} of run {one.group.runs[0].run_id[:8]}" for unit, one in first.items()
    )
    keys = [one.keys for one in first.values()]
    differ = [key for key in differing(keys) if key.partition(".")[0] == "head"]
    advice = f"put {differ[0]} into --columns" if differ else "name runs of one head"
    runs = [run for one in placed for run in one.group.runs]
    raise ConfigError(
        f"{where} has losses in {len(first)} units ({several}), which cannot be compared; {advice}"
        f"{shared_metric(runs)}"
    )


def _unit(placed: _Placed, metric: str) -> str:
    return measured(placed.group.runs[0], metric).unit


def _refuse_several_groups(where: str, placed: Sequence[_Placed]) -> None:
    """A mean over seeds is of one configuration, computed by one code."""
    if len(placed) < 2:
        return
    differ = differing([one.keys for one in placed])
    if differ:
        raise ConfigError(
            f"{where} holds {len(placed)} configurations, which differ in {few(differ)}; add "
            f"{differ[0]} to --rows or --columns"
        )
    ids = ", ".join(one.group.runs[0].run_id[:8] for one in placed[:4])
    raise ConfigError(
        f"{where} was computed by {len(placed)} states of the code (runs {ids}), of which no mean "
        "is taken; name runs of one"
    )


def _label(keys: Sequence[str], values: Values) -> str:
    pairs = [f"{key}={value}" for key, value in zip(keys, values, strict=True)]
    return " ".join(pairs) or "the table"


def _natural(values: Values) -> list[tuple[int, float, str]]:
    """Numbers by size, before texts by their letters."""
    return [_order(value) for value in values]


def _order(value: str) -> tuple[int, float, str]:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    return (1, 0.0, value.casefold() + value) if math.isnan(number) else (0, number, value)


def run_ids(group: Group) -> list[tuple[str, ComparedRun]]:
    """The runs of a group with a value, by seed."""
    return [(seed, run) for run in group.runs if (seed := seed_of(run)) in group.by_seed]
