"""Runs ranked by a metric, and the mean and spread of those that differ in their seed alone."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rnnx.config.components import component_from
from rnnx.config.compose import compose
from rnnx.config.identity import Identity, config_hash, group_of
from rnnx.config.overrides import shown
from rnnx.contracts.trackers import RunSummary, is_key, is_number
from rnnx.errors import CheckpointError, ConfigError, RunNotFound
from rnnx.runs.find import find_run, jobs_in_tracker
from rnnx.runs.folder import RunFolder, find_folders, runs_in
from rnnx.runs.sweep_folder import JobResult, Sweep
from rnnx.system.files import expanded
from rnnx.system.suggestion import did_you_mean

BEST_LOSS = "best/val_loss"  # the metric that ranks unless another one is given
# The last part of the name of every metric of which more is better; of all others, less is.
HIGHER_IS_BETTER = ("tokens_per_s", "new", "distinct")


class ComparedRun(NamedTuple):
    """One run of a comparison, or a job of a sweep that failed before it had a run."""

    name: str
    status: str
    run_id: str  # "" for a job without a run
    reason: str
    settings: Mapping[str, str]  # "cell" → "lstm": the overrides that set it apart
    metrics: Mapping[str, float]  # the last value of each
    group: str  # what it shares with runs that differ in their seed alone; "" if unknown
    folder: RunFolder | None
    made_of: Mapping[str, Any] = {}  # the fields of its identity, as far as they are known


class Group(NamedTuple):
    """Runs that differ in their seed alone: of one configuration, on the same data, by one code."""

    name: str
    hash: str
    values: Sequence[float]  # of the metric, the finite ones, one a seed
    mean: float  # nan where there is no value
    spread: float  # the sample standard deviation; nan below two values


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
        for place, run in enumerate(_runs_named(name, outputs)):
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
    groups = sorted(_group_by_seed(ranked, metric), key=lambda group: order(group.mean))
    return Comparison(title, metric, ranked, groups, _notes(ranked))


def _group_by_seed(runs: Sequence[ComparedRun], metric: str) -> list[Group]:
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


def mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """The mean and the sample standard deviation; nan of none, and of one, respectively."""
    with np.errstate(over="ignore", invalid="ignore"):  # a diverging run's losses near 1e308
        mean = float(np.mean(values)) if values else math.nan
        return mean, float(np.std(values, ddof=1)) if len(values) > 1 else math.nan


def name_without_seed(run: ComparedRun) -> str:
    """The overrides of a run except its seed's; "default" where there are no others."""
    others = [f"{key}={value}" for key, value in run.settings.items() if key != "seed"]
    return " ".join(others) or "default"


def _runs_named(name: str, outputs: Path) -> list[ComparedRun]:
    """The runs that one word on the command line means."""
    sweeps = sweeps_named(name, outputs)
    folders = find_folders(name, outputs) if name != "last" else []
    if len(sweeps) + len(folders) > 1:
        ids = [*(f"sweep {sweep.id}" for sweep in sweeps), *(run.id[:12] for run in folders)]
        raise RunNotFound(
            f"{name}: {len(ids)} runs and sweeps begin so ({', '.join(ids)}); give more letters"
        )
    if not sweeps and not folders and name != "last":
        tracker = component_from("tracker", compose([])["tracker"])
        if entries := jobs_in_tracker(name, tracker):
            return [_from_entry(entry) for entry in entries]
    if not sweeps:
        return [_from_folder(find_run(name))]
    jobs = jobs_of(sweeps[0])
    if not jobs:
        raise RunNotFound(f"{name}: the sweep has no runs yet")
    return jobs


def sweeps_named(name: str, outputs: Path) -> list[Sweep]:
    """The sweeps that a folder, an id or the beginning of one means; `last`: the newest run's."""
    path = expanded(name)
    if (path / "sweep.json").is_file():
        return [Sweep(path.resolve())]
    if name == "last":
        name = str(find_folders(name, outputs)[0].read().get("sweep", ""))
    known = [file.parent for file in expanded(outputs).glob("sweeps/*/sweep.json")]
    exact = [path for path in known if path.name == name]
    return [Sweep(path) for path in exact or known if name and path.name.startswith(name)]


def jobs_of(sweep: Sweep) -> list[ComparedRun]:
    """The jobs of a sweep, those that are still running included."""
    folders = {folder.id: folder for folder in runs_in(sweep.path.parent.parent)}
    results = sweep.results()
    ended: set[Any] = {result.job for result in results}
    jobs = [_from_result(sweep, result, folders.get(result.run_id)) for result in results]
    for folder in folders.values():
        fields = folder.read()
        if fields.get("sweep") == sweep.id and fields.get("job") not in ended:
            ended.add(fields.get("job"))
            jobs.append(_from_folder(folder))
    return jobs


def _from_result(sweep: Sweep, result: JobResult, folder: RunFolder | None) -> ComparedRun:
    settings, name = sweep.swept(result.overrides), sweep.name(result.overrides)
    if folder is None:
        name, best = name or "default", result.best_val_loss
        metrics = {} if best is None else {BEST_LOSS: best}
        return ComparedRun(name, result.status, "", result.reason, settings, metrics, "", None)
    run = _from_folder(folder)
    # A job that was skipped had finished before: its run says how.
    skipped = result.status == "SKIPPED"
    return run._replace(
        name=name or run.name,
        status=run.status if skipped else result.status,
        reason="" if skipped else result.reason,
        settings=settings or dict(run.settings),
    )


def _from_folder(folder: RunFolder) -> ComparedRun:
    fields = folder.read()
    name = str(fields.get("name", "")) or folder.id[:8]
    settings = _settings(fields.get("overrides"), name)
    status, reason = str(fields.get("status", "UNKNOWN")), str(fields.get("reason", ""))
    metrics = _numbers(fields.get("metrics"))
    if not metrics:  # run.json gets them when the run ends
        metrics = _last_points(folder)
    made_of = {key: fields[key] for key in Identity._fields if key in fields}
    group = group_of(made_of) or _group_of_earlier(folder)
    return ComparedRun(name, status, folder.id, reason, settings, metrics, group, folder, made_of)


def _from_entry(entry: RunSummary) -> ComparedRun:
    """A sweep's job of which only the tracker knows."""
    tags = entry.tags
    keys = [key for key in tags if key.startswith("sweep.") and key != "sweep.id"]
    settings = {key.removeprefix("sweep."): tags[key] for key in keys}
    made_of: dict[str, Any] = {"split_sha256": tags.get("data.split_sha256", "")}
    if "seed" in settings:
        made_of["seed"] = settings["seed"]
    reason, group = tags.get("reason", ""), tags.get("rnnx.seedless_hash", "")
    own = settings, entry.metrics, group, None, made_of
    return ComparedRun(entry.name, entry.status, entry.id, reason, *own)


def _settings(overrides: Any, name: str) -> dict[str, str]:
    """Key → value of a run's overrides; runs of earlier versions have them in their name alone."""
    is_list = isinstance(overrides, list) and all(isinstance(o, str) for o in overrides)
    texts = overrides if is_list else re.split(r" (?=[A-Za-z_][\w./]*=)", name)
    return dict(text.partition("=")[::2] for text in texts if "=" in text)


def _group_of_earlier(folder: RunFolder) -> str:
    """The group of a run of an earlier rnnx, which kept its configuration alone."""
    from rnnx.runs.stored_config import stored_config

    try:
        return config_hash(stored_config(folder), seedless=True)
    except CheckpointError:  # config.yaml is damaged: the run belongs to no group
        return ""


def _last_points(folder: RunFolder) -> dict[str, float]:
    from rnnx.runs.metrics_file import read_history

    return {key: points[-1].value for key, points in read_history(folder.metrics).items()}


def _numbers(values: Any) -> dict[str, float]:
    """The numbers of a mapping that came from a file."""
    pairs = values.items() if isinstance(values, dict) else ()
    return {key: float(value) for key, value in pairs if is_key(key) and is_number(value)}
