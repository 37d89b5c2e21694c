"""A table of results: groups over seeds, by the values of some keys down and of others across."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from rnnx.comparison.compare import Comparison, best_first, notes_on_runs
from rnnx.comparison.groups import Group, data_of, seed_of
from rnnx.comparison.runs import ComparedRun
from rnnx.config.identity import ELSEWHERE, flat_params
from rnnx.errors import ConfigError
from rnnx.runs.stored_config import kept_config
from rnnx.system.suggestion import did_you_mean

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
        return ", ".join(column) or self.metric

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
    config: Mapping[str, str]  # "cell.hidden_size" → "128", and "cell" → "lstm"
    row: Values
    column: Values


def results(comparison: Comparison, rows: Sequence[str], columns: Sequence[str]) -> Results:
    """The table of a comparison by these keys; without any, the keys that were swept are rows.

    Raises ConfigError for an unknown key, for a cell of several configurations and for a column
    of several data.
    """
    if not comparison.groups:
        raise ConfigError("no run has a known configuration: there is nothing to make a table of")
    configs = {group.hash: _config(group) for group in comparison.groups}
    known = sorted({key for config in configs.values() for key in config})
    for option, keys in (("--rows", rows), ("--columns", columns)):
        _check_keys(option, keys, known)
    twice = [key for key in rows if key in columns]
    if twice:
        raise ConfigError(f"{twice[0]} is in --rows and in --columns; keep it in one of them")
    rows = list(rows) or _swept([configs[one.hash] for one in comparison.groups], known, columns)
    placed = [
        _Placed(
            group,
            config,
            tuple(config.get(key, NONE) for key in rows),
            tuple(config.get(key, NONE) for key in columns),
        )
        for group in comparison.groups
        for config in [configs[group.hash]]
    ]
    in_column = _by(placed, lambda one: one.column)
    for column, own in in_column.items():
        _refuse_several_data(_label(columns, column), own)
    for (row, column), own in _by(placed, lambda one: (one.row, one.column)).items():
        _refuse_several_groups(_label([*rows, *columns], (*row, *column)), own)
    cells = {}
    for column in sorted(in_column, key=_natural):
        row_of = {one.group.hash: one.row for one in in_column[column]}
        ranked = best_first([one.group for one in in_column[column]], comparison.higher_is_better)
        cells.update({(row_of[group.hash], column): group for group in ranked})
    return Results(
        comparison.metric,
        comparison.higher_is_better,
        rows,
        columns,
        sorted({row for row, _ in cells}, key=_natural),
        sorted(in_column, key=_natural),
        cells,
        _notes(comparison),
    )


def _notes(comparison: Comparison) -> list[str]:
    alone = sum(not run.group for run in comparison.runs)
    left_out = f"left out: {alone} runs that failed early or keep no configuration"
    return [*notes_on_runs(comparison.runs, comparison.metric), *([left_out] if alone else [])]


def _config(group: Group) -> dict[str, str]:
    """Every key of a group's configuration, and the name of each component by its kind.

    Of runs that only a tracker knows these are the keys that were swept.
    """
    run = group.runs[0]
    if run.folder is None:
        return {key: value for key, value in run.settings.items() if key != "seed"}
    config = kept_config(run.folder)
    kept = {key: value for key, value in config.items() if key not in (*ELSEWHERE, "seed")}
    names = {key: str(value["name"]) for key, value in _named(kept, "")}
    values = {key: value for key, value in _scalars(kept) if key.rpartition(".")[2] != "name"}
    return {**values, **names}


def _named(values: Mapping[str, Any], path: str) -> list[tuple[str, Mapping[str, Any]]]:
    """The components of a configuration: key → the mapping with a name."""
    found = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            where = f"{path}{key}"
            found += [(where, value)] * ("name" in value) + _named(value, f"{where}.")
    return found


def _scalars(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    texts = {True: "true", False: "false", None: "null"}
    flat = flat_params({key: _texts(value, texts) for key, value in config.items()})
    return list(flat.items())


def _texts(value: Any, texts: Mapping[Any, str]) -> Any:
    """The values as an override would have them."""
    if isinstance(value, Mapping):
        return {key: _texts(inner, texts) for key, inner in value.items()}
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    return texts[value] if value is None or isinstance(value, bool) else value


def _check_keys(option: str, keys: Sequence[str], known: Sequence[str]) -> None:
    for key in keys:
        if key == "seed":
            raise ConfigError(f"{option} seed: each cell is a mean over seeds; leave it out")
        if key in known:
            continue
        below = [other for other in known if other.startswith(f"{key}.")]
        if below:
            raise ConfigError(f"{option} {key}: is a group of keys; choose from {_few(below)}")
        guess = did_you_mean(key, known) or f"; choose from {_few(known)}"
        raise ConfigError(f"{option} {key}: no run has this key{guess}")


def _few(keys: Sequence[str]) -> str:
    return ", ".join(keys[:12]) + ", …" * (len(keys) > 12)


def _swept(
    configs: Sequence[Mapping[str, str]], known: Sequence[str], columns: Sequence[str]
) -> list[str]:
    """The keys in which configurations differ; of a component that differs, its name alone."""
    differ = [key for key in known if len({config.get(key) for config in configs}) > 1]
    return _shortest([key for key in differ if key not in columns], configs, columns)


def _shortest(
    differ: Sequence[str], configs: Sequence[Mapping[str, str]], beside: Sequence[str] = ()
) -> list[str]:
    """The keys without those whose values follow from the name of a component above them."""

    def follows(key: str, name: str) -> bool:
        pairs = {(config.get(name), config.get(key)) for config in configs}
        return len(pairs) == len({config.get(name) for config in configs})

    above = {*differ, *beside}
    return [
        key
        for key in differ
        if not any(
            key.startswith(f"{name}.") and follows(key, name) for name in above if name != key
        )
    ]


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
    configs = [one.config for one in first.values()]
    differ = [key for key in _differing(configs) if key.partition(".")[0] == "dataset"]
    advice = f"put {differ[0]} into --columns" if differ else "name runs on one data"
    raise ConfigError(
        f"{where} has runs on {len(first)} different data ({several}), whose values cannot be "
        f"compared; {advice}"
    )


def _refuse_several_groups(where: str, placed: Sequence[_Placed]) -> None:
    """A mean over seeds is of one configuration, computed by one code."""
    if len(placed) < 2:
        return
    differ = _differing([one.config for one in placed])
    if differ:
        raise ConfigError(
            f"{where} holds {len(placed)} configurations, which differ in {_few(differ)}; add "
            f"{differ[0]} to --rows or --columns"
        )
    ids = ", ".join(one.group.runs[0].run_id[:8] for one in placed[:4])
    raise ConfigError(
        f"{where} was computed by {len(placed)} states of the code (runs {ids}), of which no mean "
        "is taken; name runs of one"
    )


def _differing(configs: Sequence[Mapping[str, str]]) -> list[str]:
    known = sorted({key for config in configs for key in config})
    differ = [key for key in known if len({config.get(key) for config in configs}) > 1]
    return _shortest(differ, configs)


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
