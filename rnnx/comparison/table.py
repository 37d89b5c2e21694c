"""A comparison as text: drawn on a terminal, tab-separated in a pipe, JSON and CSV."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from typing import Any, TextIO

from rnnx.comparison.compare import BEST, Comparison, Entry
from rnnx.system.table import Column, print_table

# On a terminal that is too narrow for all, the first of these go first.
PASSED_OVER = ("final/bits_per_char", "final/distinct", "final/baseline_loss", "final/new", "run")
CAUSE = 300  # characters of a cause in a table


def columns(found: Comparison) -> list[str]:
    """The metrics of the table: the ranking's own, the best held-out loss, all of the end's."""
    known = {key for entry in found.entries for key in entry.metrics}
    final = sorted(key for key in known if key.startswith("final/"))
    last = [key for key in ("final/seconds", "final/tokens_per_s") if key in final]
    keys = [found.metric, BEST, *(key for key in final if key not in last), *last]
    return list(dict.fromkeys(keys))


def head(metrics: Sequence[str]) -> list[str]:
    """The names of the columns."""
    return ["rank", "name", "status", "run", *metrics]


def rows(found: Comparison, metrics: Sequence[str]) -> list[list[str]]:
    """The runs' cells, the best first."""
    return [
        [
            str(rank),
            _line(entry.name),
            entry.status,
            entry.run_id[:8] or "—",
            *_figures(entry, metrics),
        ]
        for rank, entry in enumerate(found.entries, 1)
    ]


def _line(text: str) -> str:
    """A text that stays in its cell, and says nothing to the terminal."""
    return "".join(filter(str.isprintable, " ".join(text.split())))


def group_rows(found: Comparison) -> list[list[str]]:
    """The groups that have several seeds: name, how many, mean ± spread, the range."""
    return [
        [
            _line(group.name),
            str(len(group.values)),
            f"{_figure(found.metric, group.mean)} ± {_figure(found.metric, group.spread)}",
            f"{_figure(found.metric, min(group.values))} … "
            f"{_figure(found.metric, max(group.values))}",
        ]
        for group in found.groups
        if len(group.values) > 1
    ]


def group_head(found: Comparison) -> list[str]:
    """The names of their columns."""
    return ["over seeds", "seeds", f"{found.metric} (mean ± spread)", "range"]


def _figures(entry: Entry, metrics: Sequence[str]) -> list[str]:
    return [_figure(key, entry.metrics.get(key)) for key in metrics]


def _figure(key: str, value: float | None) -> str:
    if value is None or math.isnan(value):
        return "—"
    if key.endswith("tokens_per_s"):
        return f"{value:.0f}"
    if key.endswith("seconds"):
        return f"{value:.1f}"
    return f"{value:.4f}" if abs(value) < 1e6 else f"{value:.4g}"


def show(found: Comparison, console: Any) -> None:
    """Print both tables."""
    metrics = columns(found)
    names, cells = head(metrics), rows(found, metrics)
    if any(entry.reason for entry in found.entries):
        names = [*names, "cause"]
        reasons = (_line(entry.reason)[:CAUSE] for entry in found.entries)
        cells = [[*row, reason] for row, reason in zip(cells, reasons, strict=True)]
    print_table(console, _as_columns(names), cells, PASSED_OVER, head_in_pipe=True)
    if groups := group_rows(found):
        console.print()
        print_table(console, _as_columns(group_head(found)), groups, head_in_pipe=True)


def _as_columns(names: Sequence[str]) -> list[Column]:
    return [
        Column(name, title, is_number=name == "rank" or "/" in name)
        for name, title in zip(names, short(names), strict=True)
    ]


def short(names: Sequence[str]) -> list[str]:
    """The names of columns as a person is shown them."""
    return [name.removeprefix("final/").replace("tokens_per_s", "tokens/s") for name in names]


def write_csv(found: Comparison, file: TextIO) -> None:
    """A row a run, with its group's mean and spread of the metric."""
    metrics = columns(found)
    groups = {group.hash: group for group in found.groups}
    table = csv.writer(file)
    table.writerow([*head(metrics), "group", "seeds", "mean", "spread", "reason"])
    for rank, entry in enumerate(found.entries, 1):
        group = groups.get(entry.group)
        about = [group.hash, len(group.values), group.mean, group.spread] if group else [""] * 4
        figures = [entry.metrics.get(key, "") for key in metrics]
        own = [rank, entry.name, entry.status, entry.run_id, *figures]
        table.writerow([*own, *map(_or_empty, about), entry.reason])


def _or_empty(value: Any) -> Any:
    return "" if isinstance(value, float) and math.isnan(value) else value


def as_json(found: Comparison) -> str:
    """Runs and groups; a value that is not finite is null, which JSON has a word for."""
    runs = [
        {
            "rank": rank,
            "name": entry.name,
            "status": entry.status,
            "reason": entry.reason,
            "run": entry.run_id,
            "group": entry.group,
            "settings": dict(entry.settings),
            "metrics": {key: _or_null(value) for key, value in sorted(entry.metrics.items())},
        }
        for rank, entry in enumerate(found.entries, 1)
    ]
    groups = [
        {
            "group": group.hash,
            "name": group.name,
            "seeds": len(group.values),
            "mean": _or_null(group.mean),
            "spread": _or_null(group.spread),
        }
        for group in found.groups
    ]
    whole = {"metric": found.metric, "runs": runs, "groups": groups}
    return json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False)


def _or_null(value: float) -> float | None:
    return value if math.isfinite(value) else None
