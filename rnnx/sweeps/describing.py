"""What a tracker shows a person first of a sweep: what was swept, the results, the command."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from rnnx.comparison.groups import Group, group_by_seed, group_names
from rnnx.comparison.numbers import format_value
from rnnx.comparison.runs import jobs_of
from rnnx.config.overrides import shown
from rnnx.runs.sweep_folder import JobResult, Sweep
from rnnx.sweeps.ranking import RANKING, STATUSES
from rnnx.system.markdown import code, command, table
from rnnx.system.text import printable

MAX_ROWS = 15  # of the table; the file has all of them
MAX_VALUES = 12  # of a swept key
COLUMNS = ("configuration", "jobs", "mean", "±", "best", "best run")


class _Row(NamedTuple):
    """Jobs that differ in their seed alone."""

    group: Group
    best: JobResult


def description(sweep: Sweep) -> str:
    """The description of a sweep in Markdown, with the results that it has so far."""
    results = sweep.results()
    rows = _rows(sweep, results)
    # A page may show the first lines alone.
    parts = ["  \n".join([_what(sweep, results), *([_best(sweep, rows)] if rows else [])])]
    if rows:
        parts.append(table(COLUMNS, [_cells(row) for row in rows[:MAX_ROWS]]))
    if len(rows) > MAX_ROWS:
        parts.append(f"{len(rows) - MAX_ROWS} more configurations are in {RANKING}.")
    typed = [shown(str(text)) for text in sweep.read().get("overrides", [])]
    return "\n\n".join([*parts, command(["rnnx", "train", "-m", *typed])])


def _what(sweep: Sweep, results: Sequence[JobResult]) -> str:
    """What was swept, and how the jobs ended."""
    counts = Counter(result.status for result in results)
    counted = ", ".join(f"{counts[s]} {s.lower()}" for s in STATUSES if counts[s])
    swept = " × ".join(f"**{key}** {values}".strip() for key, values in _swept(sweep, results))
    return f"{swept or 'one configuration'} — jobs: {counted or 'none has ended yet'}"


def _swept(sweep: Sweep, results: Sequence[JobResult]) -> list[tuple[str, str]]:
    """Each swept key and its values: as they were typed, else those of the jobs so far."""
    known = sweep.read()
    texts = [shown(str(text)) for text in known.get("overrides", [])]
    typed = dict(text.partition("=")[::2] for text in texts)
    found: dict[str, dict[str, None]] = {key: {} for key in known.get("swept", [])}
    for result in results:
        for key, value in sweep.swept(result.overrides).items():
            found[key][value] = None
    return [
        (printable(key), code(typed[key]) if key in typed else _listed(list(values)))
        for key, values in found.items()
    ]


def _listed(values: Sequence[str]) -> str:
    more = f" and {len(values) - MAX_VALUES} more" if len(values) > MAX_VALUES else ""
    return ", ".join(code(value) for value in values[:MAX_VALUES]) + more


def _rows(sweep: Sweep, results: Sequence[JobResult]) -> list[_Row]:
    """The groups of jobs with a result, the best mean first."""
    by_run = {one.run_id: one for one in reversed(results) if math.isfinite(one.cost)}
    if not by_run:
        return []
    first = next(iter(by_run.values()))
    goal, sign = first.goal, -1 if first.higher_is_better else 1
    runs = [run for run in jobs_of(sweep) if run.run_id in by_run]
    rows = [
        _Row(group, min((by_run[run.run_id] for run in group.runs), key=lambda one: one.cost))
        for group in group_by_seed(runs, goal, group_names(runs))
        if group.values
    ]
    return sorted(rows, key=lambda row: sign * row.group.mean)


def _best(sweep: Sweep, rows: Sequence[_Row]) -> str:
    best = min((row.best for row in rows), key=lambda one: (one.cost, one.job))
    what, told = best.monitor or "held-out loss", format_value(best.goal, best.best)
    name = code(sweep.name(best.overrides) or "default")
    return f"**Best {what} {told}** (`{best.goal}`): {name}, run {_link(best)}"


def _cells(row: _Row) -> list[str]:
    group, goal = row.group, row.best.goal
    spread = format_value(goal, group.spread) if len(group.values) > 1 else ""
    mean, top = (format_value(goal, value) for value in (group.mean, row.best.best))
    return [code(group.name), str(len(group.values)), mean, spread, top, _link(row.best)]


def _link(result: JobResult) -> str:
    run = result.entry or result.run_id
    return f"[{result.run_id[:8]}](run:{run})"
