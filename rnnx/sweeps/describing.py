"""What a tracker shows a person first of a sweep: what was swept, the results, the command."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from rnnx.comparison.groups import Group, group_by_seed, group_names
from rnnx.comparison.numbers import format_value
from rnnx.comparison.runs import ComparedRun
from rnnx.config.overrides import shown
from rnnx.runs.sweep_folder import JobResult, Sweep
from rnnx.sweeps.ranking import MEASURED, RANKING, STATUSES, Part, ranked_parts
from rnnx.system.markdown import code, command, table
from rnnx.system.text import printable

MAX_ROWS = 15  # of the table; the file has all of them
MAX_VALUES = 12  # of a swept key
COLUMNS = ("configuration", "jobs", "mean", "±", "best", "best run")


class _Row(NamedTuple):
    """Jobs that differ in their seed alone."""

    group: Group
    best: JobResult
    part: str  # what it was measured on; "" where that is the same for all


def description(sweep: Sweep, jobs: Sequence[ComparedRun] | None = None) -> str:
    """The description of a sweep in Markdown, with the results that it has so far.

    ``jobs`` are those of the sweep where they were read.
    """
    results = sweep.results()
    of_parts = [rows for part in ranked_parts(sweep, jobs) if (rows := _rows(part))]
    # A page may show the first lines alone.
    best = [_best(sweep, rows) for rows in of_parts[:MAX_ROWS]]
    parts = ["  \n".join([_what(sweep, results), *best])]
    rows = [row for own in of_parts for row in own]
    if rows:
        columns = [*COLUMNS, *[MEASURED] * any(row.part for row in rows)]
        parts.append(table(columns, [_cells(row) for row in rows[:MAX_ROWS]]))
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


def _rows(part: Part) -> list[_Row]:
    """The groups of the jobs of a part with a result, the best mean first."""
    by_run = {one.run_id: one for one in reversed(part.results) if math.isfinite(one.cost)}
    if not by_run:
        return []
    sign = -1 if next(iter(by_run.values())).higher_is_better else 1
    runs = [run for run in part.runs if run.run_id in by_run]
    rows = [
        _Row(group, min((by_run[run.run_id] for run in group.runs), key=_cost), part.title)
        for group in group_by_seed(runs, part.goal, group_names(runs))
        if group.values
    ]
    return sorted(rows, key=lambda row: sign * row.group.mean)


def _cost(result: JobResult) -> float:
    return result.cost


def _best(sweep: Sweep, rows: Sequence[_Row]) -> str:
    best = min((row.best for row in rows), key=lambda one: (one.cost, one.job))
    what, told = best.monitor or "held-out loss", format_value(best.goal, best.best)
    where = f" on {code(rows[0].part)}" if rows[0].part else ""
    name = code(sweep.name(best.overrides) or "default")
    return f"**Best {what} {told}**{where} (`{best.goal}`): {name}, run {_link(best)}"


def _cells(row: _Row) -> list[str]:
    group, goal = row.group, row.best.goal
    spread = format_value(goal, group.spread) if len(group.values) > 1 else ""
    mean, top = (format_value(goal, value) for value in (group.mean, row.best.best))
    part = [code(row.part)] if row.part else []
    return [code(group.name), str(len(group.values)), mean, spread, top, _link(row.best), *part]


def _link(result: JobResult) -> str:
    run = result.entry or result.run_id
    return f"[{result.run_id[:8]}](run:{run})"
