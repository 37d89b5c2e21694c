"""A run's local folder: what it wrote, whatever its tracker.

outputs/<id>/
    run.json        id, name, status, reason, when, the last value of each metric
    config.yaml     the resolved configuration
    metrics.jsonl   every point, a JSON array a line
    outbox.db       what the tracker has still to get
    samples.csv     every sample, a row each; samples/ has a text file for each step that drew some
    predictions.csv held-out examples and what was predicted for them, where the task is no language
    images/         a folder for each image of a probe, a PNG a step; other files are in probes/
    checkpoints/    best.safetensors, last.safetensors, step_<n>.safetensors

A folder is made before the tracker creates the run, as ``.new-…``, and gets the run's id as its
name afterwards: whatever kills the process in between, the two are found to be one.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import threading
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rnnx.config.interpolations import literals
from rnnx.config.settings import Train
from rnnx.contracts.trackers import RunSummary, is_number, is_time
from rnnx.errors import CheckpointError
from rnnx.runs import predictions_file, samples_file
from rnnx.runs.fields import RUN, fields_in, read_fields
from rnnx.runs.paths import name_of, writing_below
from rnnx.runs.runs_cache import RunFields, Signature, kept_others
from rnnx.system.files import (
    JSON_LIMIT,
    expanded,
    read_json,
    read_regular,
    replacing,
    write_json,
)
from rnnx.system.owner import owner

FOLDER_TAG = "rnnx.new_folder"  # the name under which the folder was made

BEST = "best.safetensors"
LAST = "last.safetensors"
BEST_BEFORE_END = "best_before_the_end.safetensors"  # where the end of the run made a better one
DEFAULT = Train.outputs
NEW = ".new-"  # how the name of a folder begins whose run has no id yet; its process follows

_WRITING = threading.Lock()


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
        with writing_below(outputs) as path:
            folder = cls(path / f"{NEW}{uuid.uuid4().hex}.{owner()}")
            folder.checkpoints.mkdir(parents=True)
            folder.write_config(config)
            folder.write({**fields, "status": "RUNNING", "sent": False, "started": time.time()})
        return folder

    def begin(self, run_id: str) -> None:
        """Give the folder the id of its run."""
        path = self.path.with_name(name_of(run_id))
        self.write({"id": run_id, "place": str(path.resolve())})
        self.path.rename(path)
        self.path, self.id = path, run_id

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Write config.yaml, all at once or not at all."""
        from omegaconf import OmegaConf

        with replacing(self.config) as temporary:
            temporary.write_text(OmegaConf.to_yaml(OmegaConf.create(literals(config))), "utf-8")

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.path, ignore_errors=True)

    @property
    def handle(self) -> str:
        """RUN in a shell's command for this run: the beginning of its id where that is enough."""
        at_home = self.path.resolve().parent == Path(DEFAULT).resolve()
        return self.id[:8] if at_home else shlex.quote(str(self.path))

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
    def traceback(self) -> Path:
        """The traceback of a run that failed."""
        return self.path / "traceback.txt"

    @property
    def samples(self) -> Path:
        """Every sample, a row each."""
        return self.path / samples_file.NAME

    @property
    def predictions(self) -> Path:
        """Every held-out example that was shown with its prediction, a row each."""
        return self.path / predictions_file.NAME

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

    def checkpoint_files(self) -> list[Path]:
        """What a run can be resumed from, the newest first."""
        recent = sorted(self.checkpoints.glob("step_*.safetensors"), reverse=True)
        before = self.checkpoints / BEST_BEFORE_END
        others = [*([] if recent else [self.last]), before if before.is_file() else self.best]
        return [*recent, *(path for path in others if path.is_file())]

    def best_or_last(self) -> Path:
        """The best checkpoint, else the last; CheckpointError where there is neither."""
        for path in (self.best, self.last):
            if path.is_file():
                return path
        raise CheckpointError(f"{self.path}: the run has no checkpoint yet")

    def write(self, fields: Mapping[str, Any]) -> None:
        """Change fields of run.json, all at once or not at all; a field of a wrong type stays."""
        with _WRITING:  # the thread that sends may write the id of the tracker's run
            write_json(self.path / "run.json", read_json(self.path / "run.json") | dict(fields))

    def read(self) -> dict[str, Any]:
        """The fields of run.json; empty where it is missing or damaged."""
        return read_fields(self.path / "run.json", RUN)

    @property
    def entries(self) -> list[str]:
        """The ids of the run's entries in stores if not its own id alone; the one in use last."""
        found = self.read().get("entries")
        return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []

    @property
    def entry(self) -> str:
        """The id of the run's entry in the store to which it belongs."""
        return [self.id, *self.entries][-1]

    def summary(self) -> RunSummary:
        """The run as a tracker would list it; FileNotFoundError where the folder is gone."""
        return _summary(self, self.read())


def _summary(folder: RunFolder, known: Mapping[str, Any]) -> RunSummary:
    metrics, tags = known.get("metrics"), known.get("tags")
    return RunSummary(
        folder.id,
        str(known.get("status", "UNKNOWN")),
        str(known.get("name", "")),
        started_at(folder, known),
        str(folder.path),
        {k: float(v) for k, v in _items(metrics) if is_number(v)},
        {k: v for k, v in _items(tags) if isinstance(v, str)},
    )


def started_at(folder: RunFolder, known: Mapping[str, Any]) -> float:
    """When a run began, by the fields of its run.json; FileNotFoundError without folder and field.

    Where they do not tell, that is when its folder was changed.
    """
    started = known.get("started")
    return float(started) if is_time(started) else folder.path.stat().st_mtime


def _items(value: Any) -> Iterable[tuple[str, Any]]:
    return value.items() if isinstance(value, dict) else ()


def run_files(outputs: str | Path) -> Iterator[str]:
    """The path of the run.json in each folder below ``outputs``; it may not exist."""
    # os.scandir: Path.glob would look for each of ten thousand files before it is opened.
    with suppress(OSError), os.scandir(expanded(outputs)) as entries:
        for entry in entries:
            yield f"{entry.path}{os.sep}run.json"


def runs_in(outputs: str | Path) -> list[RunFolder]:
    """The run folders below ``outputs``, newest first; foreign folders are passed over."""
    return runs_with(outputs)


def runs_with(outputs: str | Path, **fields: object) -> list[RunFolder]:
    """The run folders below ``outputs`` whose run.json has these fields, newest first.

    Other processes work there, too: a run is named when it begins, or deleted, meanwhile.
    """
    return [folder for folder, _ in read_runs(outputs, **fields)]


def read_runs(outputs: str | Path, **fields: object) -> list[tuple[RunFolder, dict[str, Any]]]:
    """The same runs, each with all fields of its run.json."""
    texts = [json.dumps(value).encode() for value in fields.values() if value is not None]
    asked = {key: value for key, value in fields.items() if key in RunFields._fields}
    others = kept_others(outputs, lambda run: all(getattr(run, k) == v for k, v in asked.items()))
    found = []
    for name in run_files(outputs):
        with suppress(FileNotFoundError, NotADirectoryError):
            if others and others.get(_id_in(name)) == Signature.of(os.stat(name)):
                continue
            known = _read_where(name, texts)
            if known is not None and all(known.get(key) == one for key, one in fields.items()):
                folder = RunFolder(Path(os.path.dirname(name)))
                found.append((started_at(folder, known), folder, known))
    found.sort(key=lambda run: run[0], reverse=True)
    return [(folder, known) for _, folder, known in found]


def _read_where(name: str, texts: Sequence[bytes]) -> dict[str, Any] | None:
    """The fields of a run.json; None where its text lacks one of these.

    Parsing and checking a file takes four times as long as reading it.
    """
    try:
        content = read_regular(name, JSON_LIMIT)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError:
        return read_fields(name, RUN)  # which says what is wrong
    if not all(text in content for text in texts):
        return None
    return fields_in(content, name, RUN)


def _id_in(name: str) -> str:
    return os.path.basename(os.path.dirname(name))
