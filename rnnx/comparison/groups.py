"""Runs that differ in their seed alone, and what sets such groups apart."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from typing import NamedTuple

from rnnx.comparison.runs import ComparedRun
from rnnx.comparison.statistics import mean_and_spread


class Group(NamedTuple):
    """Runs that differ in their seed alone: of one configuration, on the same data, by one code."""

    name: str
    hash: str
    values: Sequence[float]  # of the metric, the finite ones, one a seed
    mean: float  # nan where there is no value
    spread: float  # the sample standard deviation; nan below two values


def group_by_seed(runs: Sequence[ComparedRun], metric: str) -> list[Group]:
    """The groups of these runs with their values of a metric, in the order of the runs."""
    groups: list[Group] = []
    names = group_names(runs)
    for key, alike in members(runs).items():
        values = [run.metrics.get(metric, math.nan) for run in one_a_seed(alike)]
        finite = [value for value in values if math.isfinite(value)]
        groups.append(Group(names[key], key, finite, *mean_and_spread(finite)))
    return groups


def members(runs: Sequence[ComparedRun]) -> dict[str, list[ComparedRun]]:
    """The runs of each group, in their order; those of no known group are left out."""
    found: dict[str, list[ComparedRun]] = {}
    for run in runs:
        if run.group:
            found.setdefault(run.group, []).append(run)
    return found


def one_a_seed(alike: Sequence[ComparedRun]) -> list[ComparedRun]:
    """The runs of a group without those that repeat a seed; a finished one counts first."""
    finished_first = sorted(alike, key=lambda run: run.status not in ("FINISHED", "SKIPPED"))
    counted = {run.made_of.get("seed", run.run_id): id(run) for run in reversed(finished_first)}
    return [run for run in alike if id(run) in counted.values()]


def group_names(runs: Sequence[ComparedRun]) -> dict[str, str]:
    """Group → the overrides that set it apart, and what else does where these are not enough."""
    first = {key: alike[0] for key, alike in members(runs).items()}
    names = {key: name_without_seed(run) for key, run in first.items()}
    several = {name for name in names.values() if list(names.values()).count(name) > 1}
    return {
        key: f"{name} ({marks})" if name in several and (marks := _marks(first[key])) else name
        for key, name in names.items()
    }


def _marks(run: ComparedRun) -> str:
    """What tells a group from another one of its name: the split of its data, and its code."""
    split, code = str(run.made_of.get("split_sha256", ""))[:8], code_of(run)
    return ", ".join([f"data {split}"] * bool(split) + [f"code {code}"] * bool(code))


def code_of(run: ComparedRun) -> str:
    """Eight hexadecimal digits of the versions and sources that computed a run; "" if unknown."""
    code = [run.made_of.get(key) for key in ("versions", "sources")]
    return hashlib.sha256(json.dumps(code, sort_keys=True).encode()).hexdigest()[:8] * any(code)


def name_without_seed(run: ComparedRun) -> str:
    """The overrides of a run except its seed's; "default" where there are no others."""
    others = [f"{key}={value}" for key, value in run.settings.items() if key != "seed"]
    return " ".join(others) or "default"
