"""The data and the checkpoints of a run, as its folder and its tracker keep them.

Both are read from the folder, so a run whose process was killed is told about like any other. An
entry of the outbox has them as JSON: a part of the data is the mapping of its fields, a checkpoint
too, with its file's path below the folder.
"""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rnnx.contracts.trackers import (
    LARGEST,
    DataPart,
    SavedCheckpoint,
    is_folder,
    is_key,
    is_number,
)
from rnnx.data.corpus import Corpus, Examples, Split
from rnnx.data.sequences import Sequences
from rnnx.errors import CheckpointError
from rnnx.runs import safetensors_file
from rnnx.runs.folder import RunFolder
from rnnx.runs.metrics_file import points
from rnnx.runs.paths import file_inside
from rnnx.system.secrets import without_password
from rnnx.system.text import storable

NAME_LENGTH = 400  # characters of a data set's name
SOURCE_LENGTH = 4000
# Metric of a checkpoint → the run's metrics that may have it, the first of them counts.
METRICS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "best": {"val_loss": ("val/loss", "final/val_loss")},
    "last": {
        "val_loss": ("final/val_loss", "val/loss"),
        "train_loss": ("final/train_loss",),
    },
}


def data_parts(dataset: str, corpus: Corpus, digest: str) -> list[DataPart]:
    """What is trained on and what is held out of the data set ``dataset``.

    Both have the digest of the whole split and names of their own, since a tracker knows data by
    its name and digest.
    """
    source = storable(without_password(corpus.source))
    name = storable(f"{dataset} {Path(corpus.source).name}".strip())[:NAME_LENGTH]
    source = source[:SOURCE_LENGTH] or f"dataset={dataset}"
    parts = [_part(name, digest, "training", source, corpus.train)]
    if corpus.val is not None:
        parts.append(_part(f"{name} held-out", digest, "validation", source, corpus.val))
    return parts


def _part(name: str, digest: str, use: str, source: str, split: Split) -> DataPart:
    examples = len(split) if isinstance(split, Examples | Sequences) else 0
    return DataPart(name, digest, use, source, examples, split.tokens)


def checkpoint_entries(folder: RunFolder) -> list[dict[str, Any]]:
    """The best and the last checkpoint of a folder, as an entry of the outbox has them."""
    held_out = next((part for part in kept_parts(folder) if part.use == "validation"), None)
    return list(_checkpoints(folder, held_out))


def kept_parts(folder: RunFolder) -> list[DataPart]:
    """The parts of the data that run.json has; none in a folder of an earlier rnnx."""
    kept = folder.read().get("data")
    parts = map(part_of, kept) if isinstance(kept, list) else ()
    return [part for part in parts if part is not None]


def _checkpoints(folder: RunFolder, held_out: DataPart | None) -> Iterator[dict[str, Any]]:
    files = []
    for kind, path in (("best", folder.best), ("last", folder.last)):
        try:
            header = safetensors_file.header(path)
            step = operator.index(json.loads(header["rnnx"])["step"])
        except (CheckpointError, KeyError, TypeError, ValueError, RecursionError):
            continue  # there is none, or it is damaged: the run goes on without it
        files.append((kind, path, header, step))
    values = _values_at(folder, [step for *_, step in files])
    for kind, path, header, step in files:
        found = {
            name: next((values.get((key, step)) for key in keys), None)
            for name, keys in METRICS[kind].items()
        }
        yield {
            "kind": kind,
            "step": step,
            "file": path.relative_to(folder.path).as_posix(),
            "sha256": header["sha256"],
            "metrics": {name: value for name, value in found.items() if value is not None},
            "data": held_out and held_out._asdict(),
            "timestamp": int(path.stat().st_mtime * 1000),
        }


def _values_at(folder: RunFolder, steps: Sequence[int]) -> dict[tuple[str, int], float]:
    """Metric and step, one of ``steps`` → the newest value that is finite."""
    return {
        (point.key, point.step): point.value
        for point in points(folder.metrics)
        if point.step in steps and math.isfinite(point.value)
    }


def part_of(value: Any) -> DataPart | None:
    """A part of the data from what a file has; None where it is none of rnnx's."""
    if not isinstance(value, dict) or value.keys() != set(DataPart._fields):
        return None
    part = DataPart(**value)
    sizes = all(type(n) is int and 0 <= n < LARGEST for n in (part.examples, part.tokens))
    texts = all(isinstance(text, str) and text for text in part[:4])
    if not (sizes and texts) or part.use not in ("training", "validation"):
        return None
    if len(part.name) > NAME_LENGTH + 20 or len(part.digest) > 128:
        return None
    return part._replace(name=storable(part.name), source=storable(part.source)[:SOURCE_LENGTH])


def checkpoint_of(value: Any, folder: Path) -> SavedCheckpoint | None:
    """A checkpoint from an entry of the outbox; None where it is none, or its file has gone."""
    match value:
        case {
            "kind": "best" | "last" as kind,
            "step": int(step),
            "file": str(name),
            "sha256": str(sha256),
            "metrics": dict(metrics),
            "data": data,
            "timestamp": int(timestamp),
        } if 0 <= step < LARGEST and 0 <= timestamp < LARGEST and len(sha256) <= 128:
            path = file_inside(folder, name)
            if path is None or not all(_is_metric(*pair) for pair in metrics.items()):
                return None
            own = path.resolve(), storable(sha256), metrics, part_of(data)
            return SavedCheckpoint(kind, step, *own, timestamp)
    return None


def _is_metric(key: Any, value: Any) -> bool:
    return isinstance(key, str) and is_key(key) and is_folder(key) and is_number(value)
