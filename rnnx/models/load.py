"""The model of a RUN: a folder, an id, a checkpoint file, or what a tracker keeps."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from rnnx.config.components import component_from
from rnnx.config.compose import compose
from rnnx.contracts.trackers import Tracker
from rnnx.errors import CheckpointError, RunNotFound, StoreError
from rnnx.runs.find import folder_here, run_in_tracker, several
from rnnx.runs.folder import BEST, DEFAULT, LAST
from rnnx.runs.named import find_folders
from rnnx.system.files import expanded

if TYPE_CHECKING:
    from rnnx.models.trained import Model


MAX_TRIED = 8  # checkpoints that are read in search of a whole one


def find_model(run: str) -> Model:
    """The model of ``run``; RunNotFound or CheckpointError if there is none."""
    path = expanded(run)
    if os.path.isfile(path):  # False for what is no path at all
        return _loaded(path)
    folders = find_folders(run, Path(DEFAULT))
    if len(folders) == 1:
        return _loaded(folders[0].best_or_last())
    if len(folders) > 1:
        raise RunNotFound(several(run, [folder.id for folder in folders]))
    return _fetched(run, component_from("tracker", compose([])["tracker"]), DEFAULT)


def _loaded(path: Path) -> Model:
    """The model of a checkpoint; CheckpointError names the one beside it that is whole."""
    from rnnx.models.trained import load_file

    try:
        return load_file(path)
    except CheckpointError as error:
        # A folder from elsewhere may hold any number of files.
        others = sorted(path.parent.glob("*.safetensors"), reverse=True)[:MAX_TRIED]
        whole = next((o for o in others if o.name != path.name and _is_whole(o)), None)
        if whole is None:
            raise
        raise CheckpointError(f"{error}; this one is whole: {whole}") from None


def _is_whole(path: Path) -> bool:
    from rnnx.models.trained import load_file

    try:
        load_file(path)
    except CheckpointError:
        return False
    return True


def _fetched(run: str, tracker: Tracker, outputs: str) -> Model:
    """The model of a run whose folder is elsewhere, from what its tracker keeps."""
    from rnnx.models.trained import load_file

    found = run_in_tracker(run, tracker, outputs)
    if found.folder and (folder := folder_here(found, expanded(outputs))):
        return _loaded(folder.best_or_last())
    with TemporaryDirectory() as into:
        for name in (BEST, LAST):
            try:
                return load_file(tracker.fetch(found.id, f"checkpoints/{name}", Path(into)))
            except (OSError, RunNotFound, StoreError):
                continue
    raise RunNotFound(f"{run}: the run has no checkpoint")
