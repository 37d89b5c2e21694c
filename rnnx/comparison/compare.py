"""Runs and their groups, ranked by a metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rnnx.comparison.groups import (
    Group,
    group_by_seed,
    group_names,
    with_differences,
)
from rnnx.comparison.measured import by_measured, notes_on_parts, titles
from rnnx.comparison.runs import BEST_LOSS, ComparedRun, jobs_of, runs_named, sweeps_named
from rnnx.config.overrides import shown
from rnnx.errors import ConfigError
from rnnx.runs.folder import DEFAULT
from rnnx.runs.known_runs import one_reading
from rnnx.runs.sweep_folder import Sweep
from rnnx.system.suggestion import did_you_mean

# The last part of the name of every metric of which more is better; of all others, less is.
HIGHER_IS_BETTER = ("tokens_per_s", "new", "distinct", "accuracy")


class Comparison(NamedTuple):
    """Runs and groups, ranked by a metric; those on other data, or whose loss is in another unit,
    follow, ranked among themselves.
    """

    title: str
    metric: str
    runs: Sequence[ComparedRun]  # the best first, those without the metric last
    groups: Sequence[Group]  # likewise, by their means
    notes: Sequence[str] = ()  # for the reader, one line each: what cannot be compared
    higher_is_better: bool = False

    def value(self, run: ComparedRun) -> float:
        """The metric of a run; nan where it has none."""
        return run.metrics.get(self.metric, math.nan)

    def with_value(self) -> list[ComparedRun]:
        """The runs that have a finite value, the best first."""
        return [run for run in self.runs if math.isfinite(self.value(run))]

    def by_data(self) -> list[Comparison]:
        """A comparison for each data that runs were measured on, and for each unit of a loss; this
        one where it is one.
        """
        parts = by_measured(self.runs, self.metric)
        if len(parts) < 2:
            return [self]
        part_of = {run.group: part for part, runs in parts.items() for run in runs}
        return [
            self._replace(
                title=title,
                runs=runs,
                groups=[group for group in self.groups if part_of[group.hash] == part],
                notes=(),
            )
            for title, (part, runs) in zip(titles(parts), parts.items(), strict=True)
        ]


def more_is_better(metric: str, runs: Sequence[ComparedRun] = ()) -> bool:
    """Whether the greater value of a metric is the better one, as its runs or its name say."""
    name = metric.rpartition("/")[2].removeprefix("val_")
    return name in HIGHER_IS_BETTER or any(name in run.higher for run in runs)


def monitored_metric(runs: Sequence[ComparedRun]) -> str:
    """The metric by which runs are ranked: what all of them monitored, else the held-out loss."""
    monitors = {run.monitor or "val/loss" for run in runs if run.metrics}
    one = monitors.pop() if len(monitors) == 1 else "val/loss"
    return f"best/{one.replace('/', '_')}"


def compare(
    names: Sequence[str], metric: str | None = None, higher_is_better: bool | None = None
) -> Comparison:
    """Compare the runs and sweeps that ``names`` mean, each run once.

    ``metric`` None: what all runs monitored, else the held-out loss.
    ``higher_is_better``: whether more of the metric is better; None: the runs or its name say so.
    Raises RunNotFound for a name of neither, ConfigError for a metric that no run has.
    """
    outputs = Path(DEFAULT)
    runs: dict[str, ComparedRun] = {}
    with one_reading():
        for name in dict.fromkeys(names):
            for place, run in enumerate(runs_named(name, outputs)):
                runs.setdefault(run.run_id or f"{name} {place}", run)
    sweeps = sweeps_named(names[0], outputs) if len(names) == 1 else []
    title = _title(sweeps[0]) if sweeps else f"compared: {' '.join(names)}"
    return rank_runs(list(runs.values()), title, metric, higher_is_better)


def compare_sweep(
    sweep: Sweep, metric: str | None = None, jobs: Sequence[ComparedRun] | None = None
) -> Comparison:
    """Compare the jobs of a sweep; ``jobs`` are these where they were read."""
    return rank_runs(jobs_of(sweep) if jobs is None else jobs, _title(sweep), metric)


def _title(sweep: Sweep) -> str:
    overrides = map(str, sweep.read().get("overrides", []))
    return f"sweep {sweep.id}: {' '.join(map(shown, overrides))}"


def rank_runs(
    runs: Sequence[ComparedRun],
    title: str,
    metric: str | None = None,
    higher_is_better: bool | None = None,
) -> Comparison:
    """Rank runs and group those of other seeds; ConfigError for a metric that none of them has."""
    metric = metric or monitored_metric(runs)
    known = sorted({key for run in runs for key in run.metrics})
    if metric not in known and known and metric != BEST_LOSS:
        guess = did_you_mean(metric, known)
        raise ConfigError(
            f"--metric {metric}: none of the runs has it; choose from {', '.join(known)}{guess}"
        )
    higher = more_is_better(metric, runs) if higher_is_better is None else higher_is_better
    ranked: list[ComparedRun] = []
    groups: list[Group] = []
    names = group_names(runs)
    for part in by_measured(runs, metric).values():
        ranked += sorted(part, key=lambda run: _order(run.metrics.get(metric, math.nan), higher))
        groups += best_first(group_by_seed(part, metric, names), higher)
    notes = [*notes_on_parts(ranked, metric), *notes_on_runs(ranked, metric)]
    return Comparison(title, metric, ranked, groups, notes, higher)


def best_first(groups: Sequence[Group], higher_is_better: bool) -> list[Group]:
    """Groups on the same data, ranked, with what sets each apart from the best."""
    return with_differences(sorted(groups, key=lambda one: _order(one.mean, higher_is_better)))


def _order(value: float, higher_is_better: bool) -> float:
    """A number that is lower for a better value; what is not finite comes last."""
    return (-value if higher_is_better else value) if math.isfinite(value) else math.inf


def notes_on_runs(runs: Sequence[ComparedRun], metric: str) -> list[str]:
    """What sets runs apart beside their configurations and data."""
    notes = []
    unfinished = sum(metric in r.metrics and r.status in ("RUNNING", "KILLED") for r in runs)
    if unfinished:
        runs_have = "1 run has" if unfinished == 1 else f"{unfinished} runs have"
        notes.append(f"{runs_have} not finished: the values so far count")
    lacking = sum(metric not in r.metrics and r.status in ("FINISHED", "SKIPPED") for r in runs)
    if lacking:
        runs_have = "1 finished run has" if lacking == 1 else f"{lacking} finished runs have"
        notes.append(f"{runs_have} no {metric}: last, and counted in no mean")
    of_distribution: dict[str, set[str]] = {}
    for run in runs:
        versions, sources = (run.made_of.get(key) or {} for key in ("versions", "sources"))
        for name, version in versions.items():
            of_distribution.setdefault(name, set()).add(f"{version} {sources.get(name, '')}")
    for name in sorted(name for name, codes in of_distribution.items() if len(codes) > 1):
        notes.append(
            f"computed by {len(of_distribution[name])} states of the code of {name}: no mean is "
            "taken across them"
        )
    return notes
