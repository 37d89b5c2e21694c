"""A comparison as text: tables, JSON and CSV."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from typing import Any, TextIO

from rnnx.comparison.compare import Comparison
from rnnx.comparison.groups import Group
from rnnx.comparison.runs import BEST_LOSS
from rnnx.system.table import Column, print_table
from rnnx.system.text import csv_text, json_text, printable, shortened

# A terminal that is too narrow does without these columns, in this order.
OPTIONAL = ("final/bits_per_char", "final/distinct", "final/baseline_loss", "final/new", "run")
MAX_CAUSE_LENGTH = 300  # characters of a failure's cause in a table


def shown_metrics(comparison: Comparison) -> list[str]:
    """The metrics of the table: the one that ranks, the best held-out loss, all of ``final/``."""
    known = {key for run in comparison.runs for key in run.metrics}
    final = sorted(key for key in known if key.startswith("final/"))
    last = [key for key in ("final/seconds", "final/tokens_per_s") if key in final]
    keys = [comparison.metric, BEST_LOSS, *(key for key in final if key not in last), *last]
    return list(dict.fromkeys(keys))


def telling_metrics(comparison: Comparison) -> list[str]:
    """The metrics of the table for readers: without those of ``final/`` in which all runs agree."""
    ranked = comparison.with_value()

    def differ(key: str) -> bool:
        return len({_format(key, run.metrics.get(key)) for run in ranked}) > 1

    is_one = len(ranked) < 2
    return [
        key
        for key in shown_metrics(comparison)
        if is_one or not key.startswith("final/") or key == comparison.metric or differ(key)
    ]


def run_columns(metrics: Sequence[str]) -> list[str]:
    """The names of the columns of the table of runs."""
    return ["rank", "name", "status", "run", *metrics]


def run_rows(comparison: Comparison, metrics: Sequence[str]) -> list[list[str]]:
    """The cells of the table of runs, the best run first."""
    return [
        [
            str(rank),
            printable(run.name),
            printable(run.status),
            printable(run.run_id[:8]) or "—",
            *(_format(key, run.metrics.get(key)) for key in metrics),
        ]
        for rank, run in enumerate(comparison.runs, 1)
    ]


def group_columns(comparison: Comparison) -> list[str]:
    """The names of the columns of the table of groups."""
    return ["over seeds", "seeds", f"{comparison.metric} (mean ± spread)", "range"]


def group_rows(comparison: Comparison) -> list[list[str]]:
    """The cells of the table of groups: those with several seeds."""
    metric = comparison.metric
    return [
        [
            printable(group.name),
            str(len(group.values)),
            f"{_format(metric, group.mean)} ± {_format(metric, group.spread)}",
            f"{_format(metric, min(group.values))} … {_format(metric, max(group.values))}",
        ]
        for group in comparison.groups
        if len(group.values) > 1
    ]


def _format(metric: str, value: float | None) -> str:
    if value is None or math.isnan(value):
        return "—"
    if metric.endswith("tokens_per_s"):
        return f"{value:.0f}"
    if metric.endswith("seconds"):
        return f"{value:.1f}"
    return f"{value:.4f}" if abs(value) < 1e6 else f"{value:.4g}"


def print_tables(comparison: Comparison, console: Any) -> None:
    """Print the table of runs, and that of groups where runs differ in their seed alone."""
    for note in comparison.notes:
        console.print(printable(f"note: {note}"))
    metrics = shown_metrics(comparison)
    names, rows = run_columns(metrics), run_rows(comparison, metrics)
    if any(run.reason for run in comparison.runs):
        names = [*names, "cause"]
        causes = (
            shortened(" ".join(run.reason.split()), MAX_CAUSE_LENGTH) for run in comparison.runs
        )
        rows = [[*row, cause] for row, cause in zip(rows, causes, strict=True)]
    print_table(console, _columns(names), rows, OPTIONAL, head_in_pipe=True)
    if groups := group_rows(comparison):
        console.print()
        print_table(console, _columns(group_columns(comparison)), groups, head_in_pipe=True)


def _columns(names: Sequence[str]) -> list[Column]:
    return [Column(name, is_number=name == "rank" or "/" in name) for name in names]


def write_csv(comparison: Comparison, file: TextIO) -> None:
    """Write a row a run, with its group's mean and spread of the metric."""
    metrics = shown_metrics(comparison)
    groups = {group.hash: group for group in comparison.groups}
    table = csv.writer(file)
    names = [*run_columns(metrics), "group", "seeds", "mean", "spread", "reason"]
    table.writerow([_cell(name) for name in names])
    for rank, run in enumerate(comparison.runs, 1):
        table.writerow(
            [
                *(rank, *map(_cell, (run.name, run.status, run.run_id))),
                *(run.metrics.get(key, "") for key in metrics),
                *_group_cells(groups.get(run.group)),
                _cell(run.reason),
            ]
        )


def _cell(text: str) -> str:
    return csv_text(printable(text))


def _group_cells(group: Group | None) -> list[object]:
    if group is None:
        return [""] * 4
    mean, spread = ("" if math.isnan(value) else value for value in (group.mean, group.spread))
    return [group.hash, len(group.values), mean, spread]


def as_json(comparison: Comparison) -> str:
    """Runs and groups as JSON, which has no word for values that are not finite: they are null."""
    runs = [
        {
            "rank": rank,
            "name": run.name,
            "status": run.status,
            "reason": run.reason,
            "run": run.run_id,
            "group": run.group,
            "settings": dict(run.settings),
            "metrics": {key: _or_null(value) for key, value in sorted(run.metrics.items())},
        }
        for rank, run in enumerate(comparison.runs, 1)
    ]
    groups = [
        {
            "group": group.hash,
            "name": group.name,
            "seeds": len(group.values),
            "mean": _or_null(group.mean),
            "spread": _or_null(group.spread),
        }
        for group in comparison.groups
    ]
    notes = list(comparison.notes)
    whole = {"metric": comparison.metric, "notes": notes, "runs": runs, "groups": groups}
    return json_text(whole)


def _or_null(value: float) -> float | None:
    return value if math.isfinite(value) else None
