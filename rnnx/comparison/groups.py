"""Runs that differ in their seed alone, and whether their seeds tell such groups apart."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rnnx.comparison.runs import ComparedRun
from rnnx.comparison.statistics import Difference, Interval, difference, interval, mean_and_spread
from rnnx.config.identity import ELSEWHERE, SOLVED, flat_params
from rnnx.errors import CheckpointError

BEST, WORSE, TIED, UNTESTED = "the best", "worse", "not told apart", "not tested"
MOST_MARKS = 4  # of what tells groups of one name apart


class Group(NamedTuple):
    """Runs that differ in their seed alone: of one configuration, on the same data, by one code."""

    name: str
    hash: str
    runs: Sequence[ComparedRun]  # one a seed
    by_seed: Mapping[str, float]  # seed → value of the metric, the finite ones
    mean: float  # nan where there is no value
    spread: float  # the sample standard deviation; nan below two values
    interval: Interval | None = None
    is_best: bool = False  # of the groups on the same data
    from_best: Difference | None = None  # None for the best, and where there is no value

    @property
    def values(self) -> list[float]:
        """The finite values of the metric, one a seed."""
        return list(self.by_seed.values())

    @property
    def verdict(self) -> str:
        """Whether the seeds tell the group from the best one; empty where it has no value."""
        if self.is_best:
            return BEST
        if self.from_best is None:
            return ""
        if not self.from_best.is_tested:
            return UNTESTED
        return WORSE if self.from_best.tells_apart else TIED


def group_by_seed(
    runs: Sequence[ComparedRun], metric: str, names: Mapping[str, str]
) -> list[Group]:
    """The groups of these runs with their values of a metric, in the order of the runs."""
    groups: list[Group] = []
    for key, alike in members(runs).items():
        counted = sorted(one_a_seed(alike), key=lambda run: (len(seed_of(run)), seed_of(run)))
        values = {seed_of(run): run.metrics.get(metric, math.nan) for run in counted}
        finite = {seed: value for seed, value in values.items() if math.isfinite(value)}
        mean, spread = mean_and_spread([*finite.values()])
        within = interval([*finite.values()])
        groups.append(Group(names[key], key, counted, finite, mean, spread, within))
    return groups


def with_differences(ranked: Sequence[Group]) -> list[Group]:
    """Groups on the same data, the best first, with what sets each apart from the best.

    A group whose every seed has the value of the best one's is best, too.
    """
    if not ranked or not ranked[0].values:
        return list(ranked)
    best = ranked[0]

    def compared(one: Group) -> Group:
        if one.by_seed == best.by_seed:
            return one._replace(is_best=True, from_best=None)
        apart = difference(one.by_seed, best.by_seed) if one.values else None
        return one._replace(is_best=False, from_best=apart)

    return [best._replace(is_best=True, from_best=None), *map(compared, ranked[1:])]


def seed_of(run: ComparedRun) -> str:
    """The seed of a run; where it is unknown, the run's id, which no other run shares."""
    return str(run.made_of.get("seed", run.settings.get("seed", run.run_id)))


def data_of(run: ComparedRun) -> str:
    """The digest of the examples that a run was trained on and measured on; "" if unknown."""
    return str(run.made_of.get("split_sha256") or "")


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
    counted = {seed_of(run): id(run) for run in reversed(finished_first)}
    kept = set(counted.values())
    return [run for run in alike if id(run) in kept]


def group_names(runs: Sequence[ComparedRun]) -> dict[str, str]:
    """Group → the overrides that set it apart, and what else does where these are not enough."""
    first = {key: alike[0] for key, alike in members(runs).items()}
    names = {key: name_without_seed(run) for key, run in first.items()}
    for name in [name for name, count in Counter(names.values()).items() if count > 1]:
        alike = [key for key in names if names[key] == name]
        for key, marks in zip(alike, _marks([first[key] for key in alike]), strict=True):
            names[key] = f"{name} ({marks})" if marks else name
    return names


def _marks(runs: Sequence[ComparedRun]) -> list[str]:
    """What tells groups of one name apart, by a run of each: data, code, and settings that no
    override names, as the steps that a run was resumed to.
    """
    known = [{"data": data_of(run)[:8], "code": code_of(run), **_all_settings(run)} for run in runs]
    keys = dict.fromkeys(key for settings in known for key in settings)
    differ = [key for key in keys if len({settings.get(key, "") for settings in known}) > 1]
    return [
        ", ".join(
            f"{key} {settings[key]}" if key in ("data", "code") else f"{key}={settings[key]}"
            for key in differ[:MOST_MARKS]
            if settings.get(key)
        )
        for settings in known
    ]


def _all_settings(run: ComparedRun) -> Mapping[str, str]:
    """Every setting of a run but its seed; empty where they are not here."""
    from rnnx.runs.stored_config import stored_config

    if run.folder is None:
        return {}
    try:
        settings = flat_params(stored_config(run.folder))
    except CheckpointError:  # config.yaml is missing or damaged
        return {}
    own = {*ELSEWHERE, *SOLVED, "seed"}
    return {key: text for key, text in settings.items() if key.partition(".")[0] not in own}


def code_of(run: ComparedRun) -> str:
    """Eight hexadecimal digits of the versions and sources that computed a run; "" if unknown."""
    code = [run.made_of.get(key) for key in ("versions", "sources")]
    return hashlib.sha256(json.dumps(code, sort_keys=True).encode()).hexdigest()[:8] * any(code)


def name_without_seed(run: ComparedRun) -> str:
    """The overrides of a run except its seed's; "default" where there are no others."""
    others = [f"{key}={value}" for key, value in run.settings.items() if key != "seed"]
    return " ".join(others) or "default"
