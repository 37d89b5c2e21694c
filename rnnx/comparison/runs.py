"""The runs of a comparison, and which of them a word on the command line means."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from rnnx.config.components import component_from
from rnnx.config.compose import compose
from rnnx.config.identity import Identity, config_hash, group_of
from rnnx.contracts.trackers import RunSummary, is_key, is_number, is_time
from rnnx.errors import CheckpointError, RunNotFound, StoreError
from rnnx.runs.compared_fields import PLACE, ComparedFields
from rnnx.runs.find import find_run, jobs_in_tracker
from rnnx.runs.folder import DEFAULT, RunFolder
from rnnx.runs.known_runs import runs_of_sweep
from rnnx.runs.named import find_folders, newest_run
from rnnx.runs.paths import name_of
from rnnx.runs.sweep_folder import JobResult, Sweep
from rnnx.system.files import expanded

BEST_LOSS = "best/val_loss"  # the metric that ranks unless another one is given


_Read = tuple[RunFolder, Mapping[str, Any]]  # a run and the fields of its run.json


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
    monitor: str = ""  # the metric that decided its best checkpoint; "": the held-out loss
    higher: Sequence[str] = ()  # the names of its head's metrics of which more is better
    loss_unit: str = "nats"
    place: Mapping[str, Any] = {}  # the fields of run.json that tell where it is: PLACE


def runs_named(name: str, outputs: Path) -> list[ComparedRun]:
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
        folder = find_run(name)
        return [_from_folder(folder, folder.read())]
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
        name = _last_sweep(outputs)
    known = [file.parent for file in expanded(outputs).glob("sweeps/*/sweep.json")]
    exact = [path for path in known if path.name == name]
    return [Sweep(path) for path in exact or known if name and path.name.startswith(name)]


def _last_sweep(outputs: Path) -> str:
    """The id of the newest run's sweep, or of a sweep that began after it; empty if none did.

    The jobs of a sweep may all have failed before they had runs.
    """
    sweeps = [Sweep(file.parent) for file in expanded(outputs).glob("sweeps/*/sweep.json")]
    began = [(_time(sweep.read().get("started")), sweep.id) for sweep in sweeps]
    at, newest = max(began, default=(0.0, ""))
    last = newest_run(outputs)
    if newest and last is None:
        return newest
    run = (last or find_folders("last", outputs)[0]).read()
    return newest if at > _time(run.get("started")) else str(run.get("sweep", ""))


def _time(value: Any) -> float:
    return float(value) if is_time(value) else 0.0


def lasting_name(name: str) -> str:
    """The name by which a run or sweep is found tomorrow, too: an id for ``last``."""
    if name != "last":
        return name
    sweeps = sweeps_named(name, Path(DEFAULT))
    return sweeps[0].id if sweeps else find_run(name).id


def jobs_of(sweep: Sweep) -> list[ComparedRun]:
    """The jobs of a sweep, those that are still running included."""
    outputs = sweep.path.parent.parent
    kept, results = ComparedFields(sweep.path), sweep.results()
    found = runs_of_sweep(outputs, sweep.id, kept.of)
    own = {folder.id: (folder, fields) for folder, fields in found}
    ended: set[Any] = {result.job for result in results}
    jobs = [
        _from_result(sweep, result, own.get(result.run_id) or _run_of(result, outputs, kept))
        for result in results
    ]
    kept.keep()
    for folder, fields in own.values():
        if fields.get("job") not in ended:
            ended.add(fields.get("job"))
            jobs.append(_from_folder(folder, fields))
    return jobs


def _run_of(result: JobResult, outputs: Path, kept: ComparedFields) -> _Read | None:
    """The run that a job has skipped, which may be of another sweep; None without a folder."""
    with suppress(StoreError):  # the id is none that names a folder
        folder = RunFolder(outputs / name_of(result.run_id))
        if (folder.path / "run.json").is_file():
            return folder, kept.of(folder)
    return None


def _from_result(sweep: Sweep, result: JobResult, read: _Read | None) -> ComparedRun:
    settings, name = sweep.swept(result.overrides), sweep.name(result.overrides)
    if read is None:
        name, best = name or "default", result.best
        metrics = {} if best is None else {result.goal: best}
        return ComparedRun(name, result.status, "", result.reason, settings, metrics, "", None)
    run = _from_folder(*read)
    # A job that was skipped had finished before: its run says how.
    skipped = result.status == "SKIPPED"
    return run._replace(
        name=name or run.name,
        status=run.status if skipped else result.status,
        reason="" if skipped else result.reason,
        settings=settings or dict(run.settings),
    )


def _from_folder(folder: RunFolder, fields: Mapping[str, Any]) -> ComparedRun:
    name = str(fields.get("name", "")) or folder.id[:8]
    settings = _settings(fields.get("overrides"), name)
    status, reason = str(fields.get("status", "UNKNOWN")), str(fields.get("reason", ""))
    metrics = _numbers(fields.get("metrics"))
    # run.json gets them when the run ends, and the best one where it has trained to its end.
    if not metrics or (BEST_LOSS not in metrics and status != "FINISHED"):
        metrics = _metrics_so_far(folder, fields) | metrics
    made_of = {key: fields[key] for key in Identity._fields if key in fields}
    group = group_of(made_of) or _group_of_earlier(folder)
    own = settings, metrics, group, folder, made_of
    monitor, higher = str(fields.get("monitor", "")), fields.get("higher_is_better", ())
    unit = str(fields.get("loss_unit", "nats"))
    place = {key: fields[key] for key in PLACE if key in fields}
    return ComparedRun(name, status, folder.id, reason, *own, monitor, higher, unit, place)


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
    unit = tags.get("rnnx.loss_unit", "nats")
    return ComparedRun(entry.name, entry.status, entry.id, reason, *own, loss_unit=unit)


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


def _metrics_so_far(folder: RunFolder, fields: Mapping[str, Any]) -> dict[str, float]:
    """The last value of each metric that was logged, and the best of what is monitored so far."""
    from rnnx.runs.metrics_file import read_history

    history = read_history(folder.metrics)
    best = {}
    for metric in {"val/loss", str(fields.get("monitor", ""))}:
        if found := [p.value for p in history.get(metric, ()) if not math.isnan(p.value)]:
            is_higher = metric.removeprefix("val/") in fields.get("higher_is_better", ())
            best[f"best/{metric.replace('/', '_')}"] = (max if is_higher else min)(found)
    return best | {key: points[-1].value for key, points in history.items()}


def _numbers(values: Any) -> dict[str, float]:
    """The numbers of a mapping that came from a file."""
    pairs = values.items() if isinstance(values, dict) else ()
    return {key: float(value) for key, value in pairs if is_key(key) and is_number(value)}
