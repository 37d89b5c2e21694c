"""RUN on a command line: an id, the beginning of one, `last`, a folder, or a checkpoint file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rnnx.config.components import component_from
from rnnx.config.compose import compose
from rnnx.contracts.trackers import RunSummary, Tracker
from rnnx.errors import RunNotFound
from rnnx.runs.folder import DEFAULT, FOLDER_TAG, RunFolder
from rnnx.runs.known_runs import known_runs
from rnnx.runs.named import find_folders
from rnnx.runs.registration import COPY_TAG, SEARCHED
from rnnx.runs.sweep_folder import PARENT_TAG
from rnnx.system.files import expanded


def run_in_tracker(run: str, tracker: Tracker, outputs: str) -> RunSummary:
    """The one run of the tracker that ``run`` means; RunNotFound for none or several."""
    found = tracker.find(run) if run and run != "last" else []
    if len(found) == 1 and COPY_TAG in found[0].tags:
        found = tracker.find(found[0].tags[COPY_TAG])
    if len(found) > 1:
        raise RunNotFound(several(run, [summary.id for summary in found]))
    if not found:
        sweeps = expanded(outputs).glob("sweeps/*/sweep.json")
        if run and any(path.parent.name.startswith(run) for path in sweeps):
            raise RunNotFound(
                f"{run}: is a sweep; name one of its runs, which `rnnx compare {run}` lists"
            )
        raise RunNotFound(
            f"{run}: no such run in {outputs}/ or in the tracker's store; "
            "`rnnx runs` lists what there is"
        )
    return found[0]


def jobs_in_tracker(sweep: str, tracker: Tracker) -> list[RunSummary]:
    """The tracker's runs of the jobs of one sweep; ``sweep`` is the beginning of its id or of that
    of its own run. Empty where there is none, RunNotFound for several.
    """
    newest = tracker.runs(SEARCHED) if sweep else []
    jobs = [run for run in newest if PARENT_TAG in run.tags and "sweep.id" in run.tags]
    meant = {
        run.tags["sweep.id"]
        for run in jobs
        if run.tags["sweep.id"].startswith(sweep) or run.tags[PARENT_TAG].startswith(sweep)
    }
    others = [run.id for run in newest if PARENT_TAG in run.tags and run.id.startswith(sweep)]
    if len(meant) > 1 or (meant and others):
        raise RunNotFound(several(sweep, [*sorted(meant), *others]))
    return [run for run in jobs if run.tags["sweep.id"] in meant]


def _own(entries: Iterable[RunSummary]) -> list[RunSummary]:
    """The entries without those that only show a run below a second sweep."""
    return [entry for entry in entries if COPY_TAG not in entry.tags]


def several(run: str, ids: Sequence[str]) -> str:
    """What to say of a RUN that is the beginning of several ids."""
    return f"{run}: {len(ids)} runs begin so ({', '.join(i[:12] for i in ids)}); give more letters"


def folder_here(found: RunSummary, outputs: Path) -> RunFolder | None:
    """The folder that the tracker names for a run; None where it is not on this machine.

    RunNotFound for one that is not below ``outputs``: whoever may write to the store can name any
    folder, so the user has to.
    """
    folder = expanded(found.folder)
    if not os.path.isfile(folder / "run.json"):  # False for what is no path at all
        return None
    if not folder.resolve().is_relative_to(outputs.resolve()):
        raise RunNotFound(
            f"{found.id}: the tracker says that its folder is {folder}, which is not below "
            f"{outputs}; if that is so, name the folder instead of the id"
        )
    return RunFolder(folder)


def find_run(run: str) -> RunFolder:
    """The folder of ``run``, fetched from its tracker where it is not here."""
    outputs = expanded(DEFAULT)
    folders = find_folders(run, outputs)
    if len(folders) > 1:
        raise RunNotFound(several(run, [folder.id for folder in folders]))
    if folders:
        return folders[0]
    from rnnx.runs.fetch import fetch_folder  # and with it all that computes

    config = compose([])
    tracker = component_from("tracker", config["tracker"])
    found = run_in_tracker(run, tracker, DEFAULT)
    made = outputs / Path(found.tags.get(FOLDER_TAG, "-")).name  # a name, whatever the tag is
    if (made / "run.json").is_file():  # killed before it could be named after its run
        return RunFolder(made)
    if found.folder and (here := folder_here(found, outputs)):
        return here
    return fetch_folder(found, tracker, outputs)


def list_runs(overrides: Sequence[str], limit: int) -> list[RunSummary]:
    """The newest runs, from the local folders and from the tracker, newest first."""
    return runs_listed(compose(overrides), limit)


def runs_listed(config: Mapping[str, Any], limit: int) -> list[RunSummary]:
    """The same, where the configuration is composed."""
    tracker = component_from("tracker", config["tracker"])
    return _with_folders(_own(tracker.runs(limit)), config["outputs"], limit)


def folders_listed(config: Mapping[str, Any], limit: int) -> list[RunSummary]:
    """The newest runs that have local folders, newest first."""
    return _with_folders([], config["outputs"], limit)


def _with_folders(stored: Iterable[RunSummary], outputs: str, limit: int) -> list[RunSummary]:
    found = {summary.id: summary for summary in stored}
    enough = len(found) + limit  # older ones than so many more would not be listed
    for run in known_runs(outputs):
        if len(found) == enough:
            break
        with suppress(FileNotFoundError):  # deleted since
            if run.folder.id not in found and found.keys().isdisjoint(run.entries):
                found[run.folder.id] = run.folder.summary()
    return sorted(found.values(), key=lambda run: run.started, reverse=True)[:limit]
