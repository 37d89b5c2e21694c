"""A run's local folder: what it wrote, whatever its tracker.

outputs/<id>/
    run.json        id, name, status, reason, when, the last value of each metric
    config.yaml     the resolved configuration
    metrics.jsonl   every point, a JSON array a line
    samples/        one text a round, and samples.csv
    checkpoints/    best.safetensors, last.safetensors, step_<n>.safetensors
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rnnx.errors import CheckpointError, RunNotFound, StoreError
from rnnx.records import RunSummary

BEST = "best.safetensors"
LAST = "last.safetensors"


class RunFolder:
    """``<outputs>/<run id>``; reads and writes what is in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name

    @classmethod
    def create(cls, outputs: str, run_id: str, name: str, config: Mapping[str, Any]) -> RunFolder:
        """Make the folder of a new run; StoreError if it cannot be written."""
        from omegaconf import OmegaConf

        folder = cls(Path(outputs).expanduser() / run_id)
        try:
            folder.checkpoints.mkdir(parents=True)
            folder.config.write_text(OmegaConf.to_yaml(OmegaConf.create(dict(config))), "utf-8")
        except OSError as error:
            raise _unwritable(outputs, error) from None
        folder.write({"id": run_id, "name": name, "status": "RUNNING", "started": time.time()})
        return folder

    @staticmethod
    def refuse_unwritable(outputs: str) -> None:
        """Raise StoreError where no run's folder can be made, before a run is begun elsewhere."""
        try:
            Path(outputs).expanduser().mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(prefix=".probe-", dir=Path(outputs).expanduser()):
                pass
        except OSError as error:
            raise _unwritable(outputs, error) from None

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return self.path / "config.yaml"

    @property
    def metrics(self) -> Path:
        """Every point of every metric."""
        return self.path / "metrics.jsonl"

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

    def keep(self, count: int) -> None:
        """Make the newest recent checkpoint the last one; delete all but ``count`` of them."""
        recent = sorted(self.checkpoints.glob("step_*.safetensors"))
        temporary = self.checkpoints / f".{LAST}.{os.getpid()}.tmp"
        try:
            os.link(recent[-1], temporary)
        except OSError:  # a file system without hard links
            shutil.copyfile(recent[-1], temporary)
        temporary.replace(self.last)
        for path in recent[:-count]:
            path.unlink(missing_ok=True)

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
        path = self.path / "run.json"
        known = self.read() if path.is_file() else {}
        temporary = path.with_name(f".run.json.{os.getpid()}.tmp")
        temporary.write_text(json.dumps(known | dict(fields), indent=1), "utf-8")
        temporary.replace(path)

    def read(self) -> dict[str, Any]:
        """The fields of run.json; empty where it is missing or damaged."""
        try:
            found = json.loads((self.path / "run.json").read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def summary(self) -> RunSummary:
        """The run as a tracker would tell it."""
        known = self.read()
        return RunSummary(
            self.id,
            str(known.get("status", "UNKNOWN")),
            str(known.get("name", "")),
            float(known.get("started", self.path.stat().st_mtime)),
            str(self.path),
            known.get("metrics", {}),
            known.get("tags", {}),
        )


def _unwritable(outputs: str, error: OSError) -> StoreError:
    return StoreError(
        f"outputs={outputs}: cannot be written ({error.strerror}); "
        "say outputs=FOLDER with another folder"
    )


def runs_in(outputs: Path) -> list[RunFolder]:
    """The run folders below ``outputs``, newest first; foreign folders are passed over."""
    try:
        found = [RunFolder(path.parent) for path in outputs.expanduser().glob("*/run.json")]
    except OSError:
        return []
    return sorted(found, key=lambda folder: folder.summary().started, reverse=True)


def find_folders(run: str, outputs: Path) -> list[RunFolder]:
    """The folders that ``run`` means: `last`, a folder, an id or the beginning of one."""
    path = Path(run).expanduser()
    if (path / "run.json").is_file():
        return [RunFolder(path.resolve())]
    folders = runs_in(outputs)
    if run == "last":
        if not folders:
            raise RunNotFound(f"last: there is no run in {outputs}/ yet; begin with: rnnx train")
        return folders[:1]
    exact = [folder for folder in folders if folder.id == run]
    return exact or [folder for folder in folders if run and folder.id.startswith(run)]
