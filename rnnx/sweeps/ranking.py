"""The results of a sweep's jobs as lines and as a table, the best first."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rnnx.comparison.numbers import format_value
from rnnx.runs.sweep_folder import JobResult, Sweep
from rnnx.system.table import Column, print_table
from rnnx.system.text import csv_text, printable

STATUSES = ("FINISHED", "FAILED", "KILLED", "SKIPPED")  # of jobs that have ended
RANKING = "ranking.csv"
COLUMNS = ("rank", "job", "status", "best held-out", "job seconds", "run", "cause")


def rank_results(results: Sequence[JobResult]) -> list[JobResult]:
    """The best by what is monitored first; results without a value last."""
    return sorted(results, key=lambda result: (result.cost, result.job))


def result_line(sweep: Sweep, result: JobResult, total: int = 0) -> str:
    """One line about a job that has ended; ``total`` is the number of jobs, 0 if unknown."""
    of = f" of {total}" if total else ""
    name = f"{sweep.name(result.overrides)}{with_size(result.hidden_size)}"
    parts = [f"job {result.job + 1}{of}", name, result.status]
    if result.best is not None:
        parts.append(format_value(result.goal, result.best))
    parts += [f"{result.seconds:.1f} s", result.reason]
    return printable(" · ".join(filter(None, parts)))


def with_size(size: int | None) -> str:
    """What follows a job's values where its hidden size was solved for; empty elsewhere."""
    return "" if size is None else f" (hidden_size={size})"


def ranking_rows(sweep: Sweep) -> list[tuple[str, ...]]:
    """The cells of the table, ranked."""
    rows: list[tuple[str, ...]] = []
    for rank, result in enumerate(rank_results(sweep.results()), 1):
        loss = format_value(result.goal, result.best)
        name = f"{sweep.name(result.overrides)}{with_size(result.hidden_size)}"
        seconds = f"{result.seconds:.1f}"
        run = result.run_id[:8] or "—"
        rows.append((str(rank), name, result.status, loss, seconds, run, result.reason))
    return rows


def print_ranking(rows: Sequence[Sequence[str]], console: Any) -> None:
    """Print the rows: drawn on a terminal, tab-separated in a pipe."""
    print_table(console, [Column(name) for name in COLUMNS], rows)


def write_ranking(rows: Sequence[Sequence[str]], path: Path) -> None:
    """Write the rows below the names of their columns as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        cells = [[csv_text(printable(cell)) for cell in row] for row in rows]
        csv.writer(file).writerows([COLUMNS, *cells])
