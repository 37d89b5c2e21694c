"""A run's local folder: what it wrote, whatever its tracker.

outputs/<id>/
    run.json        id, name, status, reason, when, the last value of each metric
    config.yaml     the resolved configuration
    metrics.jsonl   every point, a JSON array a line
    outbox.jsonl    what else the tracker is told; sent.json: how much of both it has
    samples/        one text a round, and samples.csv
    checkpoints/    best.safetensors, last.safetensors, step_<n>.safetensors

A folder is made before its run is begun in the tracker, as ``.new-…``, and named when the run has
its id: whatever kills the process in between, the two can be brought together again.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rnnx.config.settings import Train
from rnnx.contracts.trackers import RunSummary, is_number, is_time
from rnnx.errors import CheckpointError, RunNotFound, StoreError
from rnnx.runs.paths import name_of
from rnnx.system.files import expanded, replacing

FOLDER_TAG = "rnnx.new_folder"  # the name under which the folder was made

BEST = "best.safetensors"
LAST = "last.safetensors"
ASIDE = "best_before_the_end.safetensors"
DEFAULT = Train.outputs
NEW = ".new-"  # how the name of a folder begins whose run has no id yet


class RunFolder:
    """``<outputs>/<run id>``; reads and writes what is in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name

    @classmethod
    def create(
        cls, outputs: str, fields: Mapping[str, Any], config: Mapping[str, Any]
    ) -> RunFolder:
        """Make the folder of a run that has no id yet; StoreError if it cannot be written.

        ``fields`` ("name", …) join run.json.
        """
        folder = cls(expanded(outputs) / f"{NEW}{uuid.uuid4().hex}")
        try:
            folder.checkpoints.mkdir(parents=True)
            folder.write_config(config)
            folder.write({**fields, "status": "RUNNING", "started": time.time()})
        except OSError as error:
            raise StoreError(
                f"outputs={outputs}: cannot be written ({error.strerror}); "
                "say outputs=FOLDER with another folder"
            ) from None
        return folder

    def begin(self, run_id: str) -> None:
        """Give the folder the id of its run."""
        path = self.path.with_name(name_of(run_id))
        self.write({"id": run_id})
        self.path.rename(path)
        self.path, self.id = path, run_id

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write config.yaml, all at once or not at all."""
        from omegaconf import OmegaConf

        with replacing(self.config) as temporary:
            temporary.write_text(OmegaConf.to_yaml(OmegaConf.create(dict(config))), "utf-8")

    def remove(self) -> None:
        """Delete the folder of a run that never began."""
        shutil.rmtree(self.path, ignore_errors=True)

    @property
    def handle(self) -> str:
        """What a command is told to find this run again: an id's beginning where that is enough."""
        at_home = self.path.resolve().parent == Path(DEFAULT).resolve()
        return self.id[:8] if at_home else str(self.path)

    @property
    def is_new(self) -> bool:
        """Whether the folder has no run's id yet."""
        return self.id.startswith(NEW)

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.yaml"

    @property
    def metrics(self) -> Path:
        """Every point of every metric."""
        return self.path / "metrics.jsonl"

    @property
    def samples(self) -> Path:
        """Every sample, a row each."""
        return self.path / "samples.csv"

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints."""
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        """The checkpoint of the lowest held-out loss."""
        return self.checkpoints / BEST

    @property
    def last(self) -> Path:
        """The newest checkpoint."""
        return self.checkpoints / LAST

    def recent(self, step: int) -> Path:
        """The checkpoint of this step."""
        return self.checkpoints / f"step_{step:08}.safetensors"

    def keep(self, step: int, count: int) -> None:
        """Make the checkpoint of ``step`` the last one; keep ``count`` of them up to it.

        What is newer was passed over as damaged when the run went on from an older one.
        """
        newest = self.recent(step)
        with replacing(self.last) as temporary:
            try:
                os.link(newest, temporary)
            except OSError:  # a file system without hard links
                shutil.copyfile(newest, temporary)
        recent = sorted(self.checkpoints.glob("step_*.safetensors"))
        for path in recent[recent.index(newest) + 1 :]:
            path.rename(path.with_suffix(".damaged"))
        for path in recent[: max(recent.index(newest) + 1 - count, 0)]:
            path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Delete what killed processes left half written; the caller holds the run's lock."""
        for folder in (self.path, self.checkpoints):
            for path in folder.glob(".*.tmp"):
                path.unlink(missing_ok=True)

    def checkpoint_files(self) -> list[Path]:
        """What a run can go on from, the newest first."""
        recent = sorted(self.checkpoints.glob("step_*.safetensors"), reverse=True)
        aside = self.checkpoints / ASIDE
        others = [*([] if recent else [self.last]), aside if aside.is_file() else self.best]
        return [*recent, *(path for path in others if path.is_file())]

    def set_best_aside(self) -> None:
        """Keep the best checkpoint so far: the end's may be better, but not for a longer run."""
        if self.best.is_file():
            self.best.replace(self.checkpoints / ASIDE)

    def take_best_back(self) -> None:
        """Undo ``set_best_aside``."""
        aside = self.checkpoints / ASIDE
        if aside.is_file():
            aside.replace(self.best)

    def best_or_last(self) -> Path:
        """The best checkpoint, else the last; CheckpointError where there is neither."""
        for path in (self.best, self.last):
            if path.is_file():
                return path
        raise CheckpointError(f"{self.path}: the run has no checkpoint yet")

    def inside(self, name: str) -> Path:
        """A path below the folder; StoreError for a name that would leave it."""
        path = (self.path / name).resolve()
        if not path.is_relative_to(self.path.resolve()) or path == self.path.resolve():
            raise StoreError(f"{name!r}: is not the name of a file inside a run's folder")
        return path

    def write(self, fields: Mapping[str, Any]) -> None:
        """Change fields of run.json, all at once or not at all."""
        known = self.read()
        with replacing(self.path / "run.json") as temporary:
            temporary.write_text(json.dumps(known | dict(fields), indent=1), "utf-8")

    def read(self) -> dict[str, Any]:
        """The fields of run.json; empty where it is missing or damaged."""
        try:
            found = json.loads((self.path / "run.json").read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def summary(self) -> RunSummary:
        """The run as a tracker would tell it; FileNotFoundError where the folder is gone."""
        known = self.read()
        started, metrics, tags = (known.get(key) for key in ("started", "metrics", "tags"))
        return RunSummary(
            self.id,
            str(known.get("status", "UNKNOWN")),
            str(known.get("name", "")),
            float(started) if is_time(started) else self.path.stat().st_mtime,
            str(self.path),
            {k: float(v) for k, v in _items(metrics) if is_number(v)},
            {k: v for k, v in _items(tags) if isinstance(v, str)},
        )


def _items(value: Any) -> Iterable[tuple[str, Any]]:
    return value.items() if isinstance(value, dict) else ()


def runs_in(outputs: Path) -> list[RunFolder]:
    """The run folders below ``outputs``, newest first; foreign folders are passed over.

    Other processes work there, too: a run is named when it begins, or deleted, meanwhile.
    """
    found: list[tuple[float, RunFolder]] = []
    with suppress(OSError):
        for path in expanded(outputs).glob("*/run.json"):
            with suppress(FileNotFoundError):
                folder = RunFolder(path.parent)
                found.append((folder.summary().started, folder))
    return [folder for _, folder in sorted(found, key=lambda pair: pair[0], reverse=True)]


def find_folders(run: str, outputs: Path) -> list[RunFolder]:
    """The folders that ``run`` means: `last`, a folder, an id or the beginning of one."""
    path = expanded(run)
    if os.path.isfile(path / "run.json"):  # False for what is no path at all
        return [RunFolder(path.resolve())]
    folders = runs_in(outputs)
    if run == "last":
        if not folders:
            raise RunNotFound(f"last: there is no run in {outputs}/ yet; begin with: rnnx train")
        return folders[:1]
    exact = [folder for folder in folders if folder.id == run]
    return exact or [folder for folder in folders if run and folder.id.startswith(run)]
