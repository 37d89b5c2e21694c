"""Runs and their groups, ranked by a metric."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rnnx.comparison.groups import Group, group_by_seed
from rnnx.comparison.runs import BEST_LOSS, ComparedRun, jobs_of, runs_named, sweeps_named
from rnnx.config.compose import compose
from rnnx.config.overrides import shown
from rnnx.errors import ConfigError
from rnnx.runs.sweep_folder import Sweep
from rnnx.system.suggestion import did_you_mean

# The last part of the name of every metric of which more is better; of all others, less is.
HIGHER_IS_BETTER = ("tokens_per_s", "new", "distinct")


class Comparison(NamedTuple):
    """Runs and groups, ranked by a metric."""

    title: str
    metric: str
    runs: Sequence[ComparedRun]  # the best first, those without the metric last
    groups: Sequence[Group]  # likewise, by their means
    notes: Sequence[str] = ()  # for the reader, one line each: what cannot be compared

    def value(self, run: ComparedRun) -> float:
        """The metric of a run; nan where it has none."""
        return run.metrics.get(self.metric, math.nan)

    def with_value(self) -> list[ComparedRun]:
        """The runs that have a finite value, the best first."""
        return [run for run in self.runs if math.isfinite(self.value(run))]


def more_is_better(metric: str) -> bool:
    """Whether the greater value of a metric is the better one."""
    return metric.rpartition("/")[2] in HIGHER_IS_BETTER


def compare(names: Sequence[str], metric: str = BEST_LOSS) -> Comparison:
    """Compare the runs and sweeps that ``names`` mean, each run once.

    Raises RunNotFound for a name of neither, ConfigError for a metric that no run has.
    """
    outputs = Path(compose([])["outputs"])
    runs: dict[str, ComparedRun] = {}
    for name in dict.fromkeys(names):
        for place, run in enumerate(runs_named(name, outputs)):
            runs.setdefault(run.run_id or f"{name} {place}", run)
    sweeps = sweeps_named(names[0], outputs) if len(names) == 1 else []
    title = _title(sweeps[0]) if sweeps else f"compared: {' '.join(names)}"
    return rank_runs(list(runs.values()), title, metric)


def compare_sweep(sweep: Sweep, metric: str = BEST_LOSS) -> Comparison:
    """Compare the jobs of a sweep."""
    return rank_runs(jobs_of(sweep), _title(sweep), metric)


def _title(sweep: Sweep) -> str:
    overrides = map(str, sweep.read().get("overrides", []))
    return f"sweep {sweep.id}: {' '.join(map(shown, overrides))}"


def rank_runs(runs: Sequence[ComparedRun], title: str, metric: str) -> Comparison:
    """Rank runs and group those of other seeds; ConfigError for a metric that none of them has."""
    known = sorted({key for run in runs for key in run.metrics})
    if metric not in known and known and metric != BEST_LOSS:
        guess = did_you_mean(metric, known)
        raise ConfigError(
            f"--metric {metric}: none of the runs has it; choose from {', '.join(known)}{guess}"
        )
    sign = -1 if more_is_better(metric) else 1

    def order(value: float) -> float:
        return sign * value if math.isfinite(value) else math.inf

    ranked = sorted(runs, key=lambda run: order(run.metrics.get(metric, math.nan)))
    groups = sorted(group_by_seed(ranked, metric), key=lambda group: order(group.mean))
    return Comparison(title, metric, ranked, groups, _notes(ranked))


def _notes(runs: Sequence[ComparedRun]) -> list[str]:
    """What sets runs apart beside their configurations."""
    splits = {run.made_of["split_sha256"] for run in runs if run.made_of.get("split_sha256")}
    notes = []
    if len(splits) > 1:
        notes.append(
            f"measured on {len(splits)} different held-out parts of data: losses of one part "
            "cannot be compared with those of another"
        )
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
