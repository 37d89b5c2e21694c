"""The outcomes of a sweep as lines and as a table, the best first."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rnnx.runs.sweep_folder import JobResult, Sweep
from rnnx.system.table import Column, print_table

COLUMNS = ("rank", "job", "status", "best held-out", "seconds", "run", "cause")


def ranked(outcomes: Sequence[JobResult]) -> list[JobResult]:
    """The best held-out loss first; those without one last."""

    def key(outcome: JobResult) -> tuple[float, int]:
        loss = outcome.best_val_loss
        return (math.inf if loss is None or math.isnan(loss) else loss, outcome.job)

    return sorted(outcomes, key=key)


def line(sweep: Sweep, outcome: JobResult, total: int = 0) -> str:
    """One job that has ended, of so many; 0: it is not known of how many."""
    of = f" of {total}" if total else ""
    parts = [f"job {outcome.job + 1}{of}", sweep.name(outcome.overrides), outcome.status]
    if outcome.best_val_loss is not None:
        parts.append(f"{outcome.best_val_loss:.4f}")
    parts.append(f"{outcome.seconds:.1f} s")
    return " · ".join([*filter(None, parts), *([outcome.reason] if outcome.reason else [])])


def rows(sweep: Sweep) -> list[tuple[str, ...]]:
    """The table's cells, ranked."""
    found: list[tuple[str, ...]] = []
    for rank, outcome in enumerate(ranked(sweep.outcomes()), 1):
        loss = outcome.best_val_loss
        shown = "—" if loss is None else f"{loss:.4f}"
        name, seconds = sweep.name(outcome.overrides), f"{outcome.seconds:.1f}"
        run = outcome.run_id[:8] or "—"
        found.append((str(rank), name, outcome.status, shown, seconds, run, outcome.reason))
    return found


def show(found: Sequence[Sequence[str]], console: Any) -> None:
    """Print the rows: drawn on a terminal, tab-separated in a pipe."""
    print_table(console, [Column(name) for name in COLUMNS], found)


def write(found: Sequence[Sequence[str]], path: Path) -> None:
    """The rows and their head as a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *found])
