"""RUN on a command line: an id, the beginning of one, `last`, a folder, or a checkpoint file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rnnx.cache import expanded
from rnnx.compose import compose
from rnnx.config import component_from
from rnnx.errors import CheckpointError, RunNotFound, StoreError
from rnnx.fetching import bring
from rnnx.records import RunSummary
from rnnx.run import FOLDER_TAG
from rnnx.runfolder import BEST, LAST, RunFolder, find_folders, runs_in
from rnnx.store import Tracker

MOST = 8  # checkpoints that are looked at for a whole one

if TYPE_CHECKING:
    from rnnx.trained import Model


def find_model(run: str) -> Model:
    """The model of ``run``; RunNotFound or CheckpointError if there is none."""
    path = expanded(run)
    if os.path.isfile(path):  # False for what is no path at all
        return _loaded(path)
    config = compose([])
    folders = find_folders(run, Path(config["outputs"]))
    if len(folders) == 1:
        return _loaded(folders[0].best_or_last())
    if len(folders) > 1:
        raise RunNotFound(_several(run, [folder.id for folder in folders]))
    return _fetched(run, component_from("tracker", config["tracker"]), config["outputs"])


def _loaded(path: Path) -> Model:
    """The model of a checkpoint; CheckpointError names the one beside it that is whole."""
    from rnnx.trained import load_file

    try:
        return load_file(path)
    except CheckpointError as error:
        # A folder of a stranger's may hold any number of files.
        others = sorted(path.parent.glob("*.safetensors"), reverse=True)[:MOST]
        whole = next((o for o in others if o.name != path.name and _is_whole(o)), None)
        if whole is None:
            raise
        raise CheckpointError(f"{error}; this one is whole: {whole}") from None


def _is_whole(path: Path) -> bool:
    from rnnx.trained import load_file

    try:
        load_file(path)
    except CheckpointError:
        return False
    return True


def _fetched(run: str, tracker: Tracker, outputs: str) -> Model:
    """The model of a run whose folder is elsewhere, from what its tracker keeps."""
    from rnnx.trained import load_file

    found = _one(run, tracker, outputs)
    if found.folder and (Path(found.folder) / "run.json").is_file():
        return _loaded(RunFolder(Path(found.folder)).best_or_last())
    with TemporaryDirectory() as into:
        for name in (BEST, LAST):
            try:
                return load_file(tracker.fetch(found.id, f"checkpoints/{name}", Path(into)))
            except (OSError, RunNotFound, StoreError):
                continue
    raise RunNotFound(f"{run}: the run has no checkpoint")


def _one(run: str, tracker: Tracker, outputs: str) -> RunSummary:
    """The one run of the tracker that ``run`` means."""
    found = tracker.find(run) if run and run != "last" else []
    if len(found) > 1:
        raise RunNotFound(_several(run, [summary.id for summary in found]))
    if not found:
        raise RunNotFound(
            f"{run}: no such run in {outputs}/ or in the tracker's store; "
            "`rnnx runs` lists what there is"
        )
    return found[0]


def _several(run: str, ids: Sequence[str]) -> str:
    return f"{run}: {len(ids)} runs begin so ({', '.join(i[:12] for i in ids)}); give more letters"


def find_run(run: str) -> RunFolder:
    """The folder of ``run``, brought from its tracker where it is not here."""
    config = compose([])
    outputs, tracker = Path(config["outputs"]), component_from("tracker", config["tracker"])
    folders = find_folders(run, outputs)
    if len(folders) > 1:
        raise RunNotFound(_several(run, [folder.id for folder in folders]))
    if folders:
        return folders[0]
    found = _one(run, tracker, config["outputs"])
    made = outputs / Path(found.tags.get(FOLDER_TAG, "-")).name  # a name, wherever it came from
    if (made / "run.json").is_file():  # killed before it could be named after its run
        return RunFolder(made)
    if found.folder and (Path(found.folder) / "run.json").is_file():
        return RunFolder(Path(found.folder))
    return bring(found, tracker, outputs)


def list_runs(overrides: Sequence[str], limit: int) -> list[RunSummary]:
    """The newest runs, from the local folders and from the tracker, newest first."""
    config = compose(overrides)
    tracker = component_from("tracker", config["tracker"])
    found = {summary.id: summary for summary in tracker.runs(limit)}
    for folder in runs_in(Path(config["outputs"])):
        with suppress(FileNotFoundError):  # deleted since
            found.setdefault(folder.id, folder.summary())
    return sorted(found.values(), key=lambda run: run.started, reverse=True)[:limit]
