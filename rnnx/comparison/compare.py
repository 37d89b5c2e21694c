"""Runs side by side: what each came to, and what equal ones with other seeds came to together."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rnnx.config.compose import compose
from rnnx.config.identity import config_hash
from rnnx.errors import CheckpointError, ConfigError, RunNotFound
from rnnx.runs.find import find_run
from rnnx.runs.folder import RunFolder, find_folders, runs_in
from rnnx.runs.sweep_folder import Outcome, Sweep
from rnnx.system.files import expanded

BEST = "best/val_loss"
# Of these more is better; of all others, less.
MORE = ("tokens_per_s", "new", "distinct")


class Entry(NamedTuple):
    """One run that is compared."""

    name: str
    status: str
    run_id: str  # "" where a job had none
    reason: str
    settings: Mapping[str, str]  # "cell" → "lstm": what sets it apart, by its overrides
    metrics: Mapping[str, float]  # the last value of each
    group: str  # the hash of its configuration without the seed; "" if unknown
    folder: RunFolder | None


class Group(NamedTuple):
    """Runs that differ in their seed alone."""

    name: str
    hash: str
    values: Sequence[float]  # of the metric, the finite ones
    mean: float  # nan where there is no value
    spread: float  # the sample standard deviation; nan below two values


class Comparison(NamedTuple):
    """Entries, ranked by a metric."""

    title: str
    metric: str
    entries: Sequence[Entry]  # the best first, those without the metric last
    groups: Sequence[Group]  # likewise, by their means

    def value(self, entry: Entry) -> float:
        """The metric of an entry; nan where it has none."""
        return entry.metrics.get(self.metric, math.nan)

    def with_value(self) -> list[Entry]:
        """The entries that have a finite value, the best first."""
        return [entry for entry in self.entries if math.isfinite(self.value(entry))]


def more_is_better(metric: str) -> bool:
    """Whether the greater value of a metric is the better one."""
    return metric.rpartition("/")[2] in MORE


def compare(names: Sequence[str], metric: str = BEST) -> Comparison:
    """The runs and sweeps that ``names`` mean, each run once.

    Raises RunNotFound for a name of neither, ConfigError for a metric that no run has.
    """
    outputs = Path(compose([])["outputs"])
    found: dict[str, Entry] = {}
    for name in dict.fromkeys(names):
        for place, entry in enumerate(_entries(name, outputs)):
            found.setdefault(entry.run_id or f"{name} {place}", entry)
    sweeps = _sweeps(names[0], outputs) if len(names) == 1 else []
    title = _title(sweeps[0]) if sweeps else f"compared: {' '.join(names)}"
    return ranked(list(found.values()), title, metric)


def of_sweep(sweep: Sweep, metric: str = BEST) -> Comparison:
    """The jobs of a sweep."""
    return ranked(sweep_entries(sweep), _title(sweep), metric)


def _title(sweep: Sweep) -> str:
    return f"sweep {sweep.id}: {' '.join(map(str, sweep.read().get('overrides', [])))}"


def ranked(entries: Sequence[Entry], title: str, metric: str) -> Comparison:
    """Rank entries and bring those of other seeds together; ConfigError for an unknown metric."""
    known = sorted({key for entry in entries for key in entry.metrics})
    if metric not in known and known and metric != BEST:
        close = difflib.get_close_matches(metric, known, n=1)
        guess = f"; did you mean {close[0]}?" if close else ""
        raise ConfigError(
            f"--metric {metric}: none of the runs has it; choose from {', '.join(known)}{guess}"
        )
    sign = -1 if more_is_better(metric) else 1

    def order(value: float) -> float:
        return sign * value if math.isfinite(value) else math.inf

    rank = sorted(entries, key=lambda entry: order(entry.metrics.get(metric, math.nan)))
    groups = sorted(_groups(rank, metric), key=lambda group: order(group.mean))
    return Comparison(title, metric, rank, groups)


def _groups(entries: Sequence[Entry], metric: str) -> list[Group]:
    members: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.group:
            members.setdefault(entry.group, []).append(entry)
    made: list[Group] = []
    for key, alike in members.items():
        found = [entry.metrics.get(metric, math.nan) for entry in alike]
        values = [value for value in found if math.isfinite(value)]
        made.append(Group(seedless(alike[0]), key, values, *mean_and_spread(values)))
    return made


def mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """The mean and the sample standard deviation; nan of none, and of one, respectively."""
    with np.errstate(over="ignore", invalid="ignore"):  # the last losses of one that diverges
        mean = float(np.mean(values)) if values else math.nan
        return mean, float(np.std(values, ddof=1)) if len(values) > 1 else math.nan


def seedless(entry: Entry) -> str:
    """An entry's name without its seed."""
    kept = [f"{key}={value}" for key, value in entry.settings.items() if key != "seed"]
    return " ".join(kept) or "default"


def _entries(name: str, outputs: Path) -> list[Entry]:
    """The entries of one word on the command line."""
    sweeps = _sweeps(name, outputs)
    runs = find_folders(name, outputs) if name != "last" else []
    if len(sweeps) + len(runs) > 1:
        ids = [*(f"sweep {sweep.id}" for sweep in sweeps), *(run.id[:12] for run in runs)]
        raise RunNotFound(
            f"{name}: {len(ids)} runs and sweeps begin so ({', '.join(ids)}); give more letters"
        )
    if not sweeps:
        return [_of_run(find_run(name))]
    entries = sweep_entries(sweeps[0])
    if not entries:
        raise RunNotFound(f"{name}: the sweep has no runs yet")
    return entries


def _sweeps(name: str, outputs: Path) -> list[Sweep]:
    """The sweeps that a folder, an id or the beginning of one means; `last`: the newest run's."""
    path = expanded(name)
    if (path / "sweep.json").is_file():
        return [Sweep(path.resolve())]
    if name == "last":
        name = str(find_folders(name, outputs)[0].read().get("sweep", ""))
    known = [file.parent for file in expanded(outputs).glob("sweeps/*/sweep.json")]
    exact = [path for path in known if path.name == name]
    return [Sweep(path) for path in exact or known if name and path.name.startswith(name)]


def sweep_entries(sweep: Sweep) -> list[Entry]:
    """The jobs of a sweep, those that are still running included."""
    folders = {folder.id: folder for folder in runs_in(sweep.path.parent.parent)}
    outcomes = sweep.outcomes()
    told: set[Any] = {outcome.job for outcome in outcomes}
    jobs = [_of_job(sweep, outcome, folders.get(outcome.run_id)) for outcome in outcomes]
    for folder in folders.values():
        known = folder.read()
        if known.get("sweep") == sweep.id and known.get("job") not in told:
            told.add(known.get("job"))
            jobs.append(_of_run(folder))
    return jobs


def _of_job(sweep: Sweep, outcome: Outcome, folder: RunFolder | None) -> Entry:
    settings, name = sweep.swept(outcome.overrides), sweep.name(outcome.overrides)
    if folder is None:
        name, best = name or "default", outcome.best_val_loss
        metrics = {} if best is None else {BEST: best}
        return Entry(name, outcome.status, "", outcome.reason, settings, metrics, "", None)
    # A job that was skipped had finished before: its run says how.
    run = _of_run(folder)
    status = run.status if outcome.status == "SKIPPED" else outcome.status
    reason = "" if outcome.status == "SKIPPED" else outcome.reason
    name, settings = name or run.name, settings or dict(run.settings)
    return run._replace(name=name, status=status, reason=reason, settings=settings)


def _of_run(folder: RunFolder) -> Entry:
    known = folder.read()
    name = str(known.get("name", "")) or folder.id[:8]
    pairs = (word.partition("=")[::2] for word in name.split() if "=" in word)
    status, reason = str(known.get("status", "UNKNOWN")), str(known.get("reason", ""))
    metrics = _numbers(known.get("metrics"))
    if not metrics:  # one that is running has none in run.json yet
        metrics = _last_points(folder)
    return Entry(name, status, folder.id, reason, dict(pairs), metrics, _group(folder), folder)


def _group(folder: RunFolder) -> str:
    from rnnx.runs.stored_config import stored_config

    try:
        return config_hash(stored_config(folder), seedless=True)
    except CheckpointError:  # a damaged config.yaml: a run on its own
        return ""


def _last_points(folder: RunFolder) -> dict[str, float]:
    from rnnx.runs.metrics_file import read_history

    return {key: points[-1].value for key, points in read_history(folder.metrics).items()}


def _numbers(found: Any) -> dict[str, float]:
    pairs = found.items() if isinstance(found, dict) else ()
    return {str(key): float(value) for key, value in pairs if isinstance(value, int | float)}
