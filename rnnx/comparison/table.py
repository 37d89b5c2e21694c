"""A comparison as text: tables, JSON and CSV."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import Any, TextIO

from rnnx.comparison.compare import Comparison
from rnnx.comparison.groups import data_of
from rnnx.comparison.numbers import format_value, or_null
from rnnx.comparison.runs import BEST_LOSS, ComparedRun
from rnnx.comparison.seeds_table import (
    CSV_COLUMNS,
    OPTIONAL_COLUMNS,
    csv_cells,
    group_columns,
    group_json,
    group_rows,
    seeds_caption,
)
from rnnx.system.table import Column, print_table
from rnnx.system.text import csv_text, json_text, printable, shortened

# A terminal that is too narrow does without these columns, in this order.
OPTIONAL = [
    *("final/bits_per_char", "final/distinct", "final/baseline_loss", "final/new", "run"),
    *("final/tokens_per_s", "final/seconds", "final/train_loss", "final/val_loss"),
]
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
        return len({format_value(key, run.metrics.get(key)) for run in ranked}) > 1

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
            *(format_value(key, run.metrics.get(key)) for key in metrics),
        ]
        for rank, run in enumerate(comparison.runs, 1)
    ]


def print_tables(comparison: Comparison, console: Any) -> None:
    """Print the table of runs and that of groups over seeds, for each data and unit of a loss."""
    for note in comparison.notes:
        console.print(printable(f"note: {note}"))
    parts = comparison.by_data()
    for part in parts:
        if len(parts) > 1:
            console.print()
            console.print(printable(part.title))
        _print_runs(part, console)
        if groups := group_rows(part):
            console.print()
            print_table(console, group_columns(part), groups, OPTIONAL_COLUMNS, head_in_pipe=True)
        if console.is_terminal and (caption := seeds_caption(part)):
            console.print(caption, style="dim")


def _print_runs(comparison: Comparison, console: Any) -> None:
    metrics = shown_metrics(comparison)
    names, rows = run_columns(metrics), run_rows(comparison, metrics)
    numbers = ["rank", *metrics]
    if any(run.reason for run in comparison.runs):
        names = [*names, "cause"]
        causes = (
            shortened(" ".join(run.reason.split()), MAX_CAUSE_LENGTH) for run in comparison.runs
        )
        rows = [[*row, cause] for row, cause in zip(rows, causes, strict=True)]
    columns = [Column(name, is_number=name in numbers) for name in names]
    optional = [name for name in OPTIONAL if name != comparison.metric]
    print_table(console, columns, rows, optional, head_in_pipe=True)


def write_csv(comparison: Comparison, file: TextIO) -> None:
    """Write a row a run, with the statistics of its group; ranks are those on the same data."""
    metrics = shown_metrics(comparison)
    groups = {group.hash: group for group in comparison.groups}
    table = csv.writer(file)
    names = [*run_columns(metrics), "data", "loss_unit", *CSV_COLUMNS, "reason"]
    table.writerow([_cell(name) for name in names])
    for rank, run in _ranked(comparison):
        table.writerow(
            [
                *(rank, *map(_cell, (run.name, run.status, run.run_id))),
                *(run.metrics.get(key, "") for key in metrics),
                data_of(run),
                run.loss_unit,
                *csv_cells(groups.get(run.group)),
                _cell(run.reason),
            ]
        )


def _ranked(comparison: Comparison) -> list[tuple[int, ComparedRun]]:
    """The runs with their ranks among those on the same data."""
    return [pair for part in comparison.by_data() for pair in enumerate(part.runs, 1)]


def _cell(text: str) -> str:
    return csv_text(printable(text))


def as_json(comparison: Comparison) -> str:
    """Runs and groups as JSON, which has no word for values that are not finite: they are null."""
    runs = [
        {
            "rank": rank,
            "name": run.name,
            "status": run.status,
            "reason": run.reason,
            "run": run.run_id,
            "data": data_of(run) or None,
            "loss_unit": run.loss_unit,
            "group": run.group,
            "settings": dict(run.settings),
            "metrics": {key: or_null(value) for key, value in sorted(run.metrics.items())},
        }
        for rank, run in _ranked(comparison)
    ]
    whole = {
        "metric": comparison.metric,
        "better": "higher" if comparison.higher_is_better else "lower",
        "notes": list(comparison.notes),
        "runs": runs,
        "groups": [group_json(group) for group in comparison.groups],
    }
    return json_text(whole)
