"""What a tracker shows a person first of a sweep: what was swept, the results, the command."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import NamedTuple

from rnnx.comparison.numbers import format_value
from rnnx.config.overrides import shown
from rnnx.runs.sweep_folder import JobResult, Sweep
from rnnx.sweeps.ranking import RANKING, STATUSES, rank_results
from rnnx.system.markdown import code, command, table
from rnnx.system.text import printable

MAX_ROWS = 15  # of the table; the file has all of them
MAX_VALUES = 12  # of a swept key
COLUMNS = ("configuration", "jobs", "mean", "±", "best", "best run")


class _Row(NamedTuple):
    """Jobs that differ in their seed alone."""

    name: str
    losses: Sequence[float]
    best: JobResult

    @property
    def mean(self) -> float:
        return fmean(self.losses)


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
    """The jobs with a result by their values without the seed, the best mean first."""
    groups: dict[str, list[JobResult]] = {}
    for result in rank_results(results):
        if math.isfinite(result.cost):
            values = {k: v for k, v in sweep.swept(result.overrides).items() if k != "seed"}
            name = " ".join(f"{key}={value}" for key, value in values.items())
            groups.setdefault(name or "default", []).append(result)
    rows = [
        _Row(name, [float(one.best or 0.0) for one in alike], alike[0])
        for name, alike in groups.items()
    ]
    sign = -1 if rows and rows[0].best.higher_is_better else 1
    return sorted(rows, key=lambda row: sign * row.mean)


def _best(sweep: Sweep, rows: Sequence[_Row]) -> str:
    best = min((row.best for row in rows), key=lambda one: (one.cost, one.job))
    what, told = best.monitor or "held-out loss", format_value(best.goal, best.best)
    name = code(sweep.name(best.overrides) or "default")
    return f"**Best {what} {told}** (`{best.goal}`): {name}, run {_link(best)}"


def _cells(row: _Row) -> list[str]:
    goal, best = row.best.goal, row.best.best
    spread = format_value(goal, stdev(row.losses)) if len(row.losses) > 1 else ""
    mean, top = (format_value(goal, value) for value in (row.mean, best))
    return [code(row.name), str(len(row.losses)), mean, spread, top, _link(row.best)]


def _link(result: JobResult) -> str:
    run = result.entry or result.run_id
    return f"[{result.run_id[:8]}](run:{run})"
