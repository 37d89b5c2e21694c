"""Compares a run that was stopped and resumed with one that never stopped."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from rnnx.contracts.trackers import TOTALS
from rnnx.runs import checkpoint as checkpoints
from rnnx.runs.folder import RunFolder
from rnnx.runs.metrics_file import read_history

TIMES = ("speed/", "final/seconds", "final/tokens_per_s")  # these are measured, not computed


def assert_same_run(found: RunFolder, expected: RunFolder) -> None:
    """Checkpoints bit for bit, every point, every sample, every picture."""
    for path in (found.last, found.best):
        other = expected.checkpoints / path.name
        assert path.is_file() == other.is_file(), path.name
        if path.is_file():
            assert_same_checkpoint(path, other)
    assert points_of(found) == points_of(expected)
    for pattern in ("samples/*", "samples.csv", "predictions.csv", "images/*/*"):
        assert contents(found, pattern) == contents(expected, pattern), pattern
    mine, theirs = found.read(), expected.read()
    assert mine["status"] == theirs["status"]
    assert untimed(mine["metrics"]) == untimed(theirs["metrics"])


def assert_same_checkpoint(path: Path, other: Path) -> None:
    one, two = checkpoints.read(path), checkpoints.read(other)
    assert one.tensors.keys() == two.tensors.keys()
    for name, tensor in one.tensors.items():
        assert tensor.dtype == two.tensors[name].dtype, name
        assert tensor.tobytes() == two.tensors[name].tobytes(), f"{path.name}: {name}"
    assert _untimed_metadata(one.metadata) == _untimed_metadata(two.metadata)


def _untimed_metadata(metadata: Any) -> dict[str, Any]:
    """What is computed: neither times nor where the run is kept."""
    kept = {k: v for k, v in metadata.items() if k != "run_id"}
    for part, name in (("progress", "seconds"), ("config", "tracker"), ("tags", "owner.tracker")):
        kept[part] = {k: v for k, v in kept[part].items() if k != name}
    return kept


def untimed(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if not key.startswith(TIMES)}


def points_of(folder: RunFolder) -> dict[str, list[tuple[int, str]]]:
    """Metric → its (step, value), none of them twice."""
    history = read_history(folder.metrics)
    lines = folder.metrics.read_text("utf-8").splitlines()
    assert sum(map(len, history.values())) == len(lines), "a torn line"
    for key, points in history.items():
        steps = [point.step for point in points]
        assert steps == sorted(set(steps)), f"{key}: a doubled step"
    return {
        # A speed's value is its own; that it is there at each step is everybody's.
        key: [(p.step, "" if key.startswith(TIMES) else repr(p.value)) for p in points]
        for key, points in history.items()
    }


def contents(folder: RunFolder, pattern: str) -> dict[str, bytes]:
    found = sorted(folder.path.glob(pattern))
    return {path.relative_to(folder.path).as_posix(): path.read_bytes() for path in found}


def assert_mlflow_holds(folder: RunFolder, client: Any, status: str = "FINISHED") -> None:
    """The tracker's run is the folder: no point lacks, none is doubled, every file is there."""
    run = client.get_run(folder.entry)
    assert run.info.status == status
    for key, points in read_history(folder.metrics).items():
        history = client.get_metric_history(folder.entry, key)
        stored = sorted(history, key=lambda m: (m.step, m.timestamp))
        is_total = key.startswith(TOTALS)  # which MLflow has at step 0
        assert [(m.step, m.value, m.timestamp) for m in stored] == [
            (0 if is_total else p.step, p.value, p.timestamp) for p in points
        ], key
    config = json.loads(json.dumps(run.data.params))
    assert config["cell.hidden_size"]
    assert "count.parameters" in config
    here = {f"images/{p.parent.name}/{p.name}" for p in folder.path.glob("images/*/*.png")}
    assert _images(client, folder.entry) == Counter(here)
    for pattern, where in (("samples/*", "samples"), ("checkpoints/*t.safetensors", "checkpoints")):
        listed = {f.path for f in client.list_artifacts(folder.entry, where)}
        assert listed == set(contents(folder, pattern)), where
    models = client.search_logged_models(
        [run.info.experiment_id], f"source_run_id = '{run.info.run_id}'"
    )
    paths = [path.resolve() for path in (folder.best, folder.last) if path.is_file()]
    assert sorted(m.tags["rnnx.checkpoint"] for m in models) == sorted(map(str, paths))
    for name in ("samples.csv", "checkpoints/last.safetensors", "config.yaml"):
        if (folder.path / name).is_file():
            there = Path(client.download_artifacts(folder.entry, name))
            assert there.read_bytes() == (folder.path / name).read_bytes(), name


def _images(client: Any, run_id: str) -> Counter[str]:
    """The images of a run, as the folder names them, and how often each is there."""
    found: Counter[str] = Counter()
    for file in client.list_artifacts(run_id, "images"):
        parts = re.fullmatch(r"images/(\w+)\+step\+(\d+)\+timestamp\+.*\.png", file.path)
        if parts:
            found[f"images/{parts[1]}/step_{int(parts[2]):06}.png"] += 1
    return found
