"""A run's folder, made again from what its tracker keeps: to resume the run on another machine."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rnnx.config.identity import of_checkpoint
from rnnx.contracts.trackers import RunSummary, Tracker
from rnnx.errors import CheckpointError, RunNotFound, StoreError
from rnnx.runs import checkpoint as checkpoints
from rnnx.runs.folder import BEST, LAST, RunFolder
from rnnx.runs.metrics_file import append
from rnnx.runs.outbox import Outbox
from rnnx.runs.paths import name_of
from rnnx.system.files import expanded


def fetch_folder(run: RunSummary, tracker: Tracker, outputs: Path) -> RunFolder:
    """``outputs/<id>`` with what ``tracker`` has: configuration, checkpoints, samples, points."""
    folder = RunFolder(expanded(outputs) / name_of(run.id))
    with TemporaryDirectory() as into:
        fetched = {}
        own = f"checkpoints/{LAST}", f"checkpoints/{BEST}", "config.yaml", folder.samples.name
        for name in own:
            try:
                fetched[name] = tracker.fetch(run.id, name, Path(into)).read_bytes()
            except (OSError, RunNotFound, StoreError):
                continue
    if "config.yaml" not in fetched:
        raise RunNotFound(f"{run.id}: its folder is not here, and the tracker has no config.yaml")
    folder.checkpoints.mkdir(parents=True, exist_ok=True)
    for name, content in fetched.items():
        (folder.path / name).write_bytes(content)
    points = [point for key in run.metrics for point in tracker.history(run.id, key)]
    folder.metrics.unlink(missing_ok=True)  # of a process that was killed here
    append(folder.metrics, sorted(points, key=lambda point: (point.step, point.timestamp)))
    with Outbox(folder.path) as outbox:
        for name in fetched:  # for another store, should the run go there
            outbox.add("file", name, name.rpartition("/")[0])
        outbox.mark_all_sent()
    fields = {"id": run.id, "name": run.name, "status": run.status, "started": run.started}
    folder.write({**fields, **_identity(folder), "told": {"tags": dict(run.tags)}})
    return folder


def _identity(folder: RunFolder) -> dict[str, Any]:
    """The fields of the run's identity, from the newest checkpoint that is whole."""
    for path in folder.checkpoint_files():
        try:
            known = checkpoints.read(path)
        except CheckpointError:
            continue
        return of_checkpoint(known.config, known.metadata)
    return {}
