"""RUN on a command line: an id, the beginning of one, `last`, a folder, or a checkpoint file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rnnx.compose import compose
from rnnx.config import component_from
from rnnx.errors import RunNotFound
from rnnx.records import RunSummary
from rnnx.runfolder import BEST, LAST, RunFolder, find_folders, runs_in
from rnnx.store import Tracker

if TYPE_CHECKING:
    from rnnx.trained import Model


def find_model(run: str) -> Model:
    """The model of ``run``; RunNotFound or CheckpointError if there is none."""
    from rnnx.trained import load_file

    path = Path(run).expanduser()
    if path.is_file():
        return load_file(path)
    config = compose([])
    folders = find_folders(run, Path(config["outputs"]))
    if len(folders) == 1:
        return load_file(folders[0].best_or_last())
    if len(folders) > 1:
        raise RunNotFound(_several(run, [folder.id for folder in folders]))
    return _fetched(run, component_from("tracker", config["tracker"]), config["outputs"])


def _fetched(run: str, tracker: Tracker, outputs: str) -> Model:
    """The model of a run whose folder is elsewhere, from what its tracker keeps."""
    from rnnx.trained import load_file

    found = tracker.find(run) if run and run != "last" else []
    if len(found) > 1:
        raise RunNotFound(_several(run, [summary.id for summary in found]))
    if not found:
        raise RunNotFound(
            f"{run}: no such run in {outputs}/ or in the tracker's store; "
            "`rnnx runs` lists what there is"
        )
    if found[0].folder and (Path(found[0].folder) / "run.json").is_file():
        return load_file(RunFolder(Path(found[0].folder)).best_or_last())
    with TemporaryDirectory() as into:
        for name in (BEST, LAST):
            try:
                return load_file(tracker.fetch(found[0].id, f"checkpoints/{name}", Path(into)))
            except (OSError, RunNotFound):
                continue
    raise RunNotFound(f"{run}: the run has no checkpoint")


def _several(run: str, ids: Sequence[str]) -> str:
    return f"{run}: {len(ids)} runs begin so ({', '.join(i[:12] for i in ids)}); give more letters"


def list_runs(overrides: Sequence[str], limit: int) -> list[RunSummary]:
    """The newest runs, from the local folders and from the tracker, newest first."""
    config = compose(overrides)
    tracker = component_from("tracker", config["tracker"])
    found = {summary.id: summary for summary in tracker.runs(limit)}
    for folder in runs_in(Path(config["outputs"])):
        found.setdefault(folder.id, folder.summary())
    return sorted(found.values(), key=lambda run: run.started, reverse=True)[:limit]
