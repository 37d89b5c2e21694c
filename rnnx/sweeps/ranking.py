"""The results of a sweep's jobs as lines and as a table, the best first.

What was measured on other data, or is a loss in another unit, is ranked by itself.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rnnx.comparison.measured import by_measured, notes_on_parts, titles
from rnnx.comparison.numbers import format_value
from rnnx.comparison.runs import ComparedRun, jobs_of
from rnnx.runs.sweep_folder import JobResult, Sweep
from rnnx.system.table import Column, print_table
from rnnx.system.text import csv_text, printable

STATUSES = ("FINISHED", "FAILED", "KILLED", "SKIPPED")  # of jobs that have ended
RANKING = "ranking.csv"
MEASURED = "measured on"  # the column that tells parts of a ranking apart


class Part(NamedTuple):
    """Jobs whose results are comparable."""

    goal: str  # the metric by which they are ranked: ``best/val_loss``
    title: str  # what it was measured on; "" where there is one part
    results: list[JobResult]  # the best first
    runs: list[ComparedRun]  # of these jobs


class Ranking(NamedTuple):
    """The table of a sweep's jobs; ranks count within each part."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()  # why there are several parts


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


def with_size(size: int | None, parameters: int | None = None) -> str:
    """What follows a job's values where its hidden size was solved for; empty elsewhere."""
    count = "" if parameters is None else f", {parameters:,} parameters"
    return "" if size is None else f" (hidden_size={size}{count})"


def ranked_parts(sweep: Sweep, jobs: Sequence[ComparedRun] | None = None) -> list[Part]:
    """The results of a sweep, those of each metric, data and unit by themselves.

    ``jobs`` are those of the sweep where they were read: thousands of runs take a while.
    """
    results = sweep.results()
    with_value = [result.goal for result in results if result.best is not None]
    by_goal: dict[str, list[tuple[ComparedRun, JobResult]]] = {}
    # The jobs that have ended come first, in the order of their results.
    for run, result in zip(jobs_of(sweep) if jobs is None else jobs, results, strict=False):
        has_none = result.best is None and with_value  # it failed early: it has its place below all
        goal = with_value[0] if has_none else result.goal
        by_goal.setdefault(goal, []).append((run, result))
    parts = []
    for goal, pairs in by_goal.items():
        measured = by_measured([run for run, _ in pairs], goal)
        of_run = {id(run): result for run, result in pairs}
        for title, runs in zip(titles(measured), measured.values(), strict=True):
            own = [f"by {goal}"] * (len(by_goal) > 1) + [title] * bool(title)
            ranked = rank_results([of_run[id(run)] for run in runs])
            parts.append(Part(goal, ", ".join(own), ranked, runs))
    return parts


def ranking(sweep: Sweep, jobs: Sequence[ComparedRun] | None = None) -> Ranking:
    """The table of the jobs, ranked; ``jobs`` as in :func:`ranked_parts`."""
    parts = ranked_parts(sweep, jobs)
    goals = list(dict.fromkeys(part.goal for part in parts)) or ["best/val_loss"]
    value = goals[0] if len(goals) == 1 else "best"
    columns = ["rank", "job", "status", value, "job seconds", "run", "cause"]
    rows = [
        (*_cells(sweep, part.goal, rank, result), *[part.title] * (len(parts) > 1))
        for part in parts
        for rank, result in enumerate(part.results, 1)
    ]
    notes: list[str] = []
    for goal in goals:
        notes += notes_on_parts([r for part in parts if part.goal == goal for r in part.runs], goal)
    if len(goals) > 1:
        notes.append(f"ranked by {len(goals)} metrics ({', '.join(goals)}): each has its own ranks")
    return Ranking([*columns, *[MEASURED] * (len(parts) > 1)], rows, notes)


def _cells(sweep: Sweep, goal: str, rank: int, result: JobResult) -> tuple[str, ...]:
    best = format_value(goal, result.best)
    name = f"{sweep.name(result.overrides)}{with_size(result.hidden_size)}"
    seconds = f"{result.seconds:.1f}"
    return str(rank), name, result.status, best, seconds, result.run_id[:8] or "—", result.reason


def print_ranking(found: Ranking, console: Any) -> None:
    """Print the rows: drawn on a terminal, tab-separated in a pipe; what to know of them above."""
    for note in found.notes:
        console.print(printable(f"note: {note}"))
    print_table(console, [Column(name) for name in found.columns], found.rows)


def write_ranking(found: Ranking, path: Path) -> None:
    """Write the rows below the names of their columns as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        cells = [[csv_text(printable(cell)) for cell in row] for row in found.rows]
        csv.writer(file).writerows([found.columns, *cells])
