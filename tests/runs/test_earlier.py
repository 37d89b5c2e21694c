"""Folders and stores that rnnx 0.1.0 wrote before its files moved into rooms: all of it is read.

``earlier/`` holds four runs and a sweep of that code: finished, killed after step 17 (with MLflow
and with the folder alone), and killed with points and files that its store never got. What they
come to was measured with the same code by runs that nobody killed.
"""

import csv
import gzip
import hashlib
import json
import shutil
import sqlite3
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

import rnnx
from rnnx.comparison.compare import compare
from rnnx.runs import checkpoint as checkpoints
from rnnx.runs.find import find_run, list_runs
from rnnx.training.report import Silent
from rnnx.training.resume import resume

KEPT = Path(__file__).parent / "earlier"
EXPECTED = json.loads((KEPT / "expected.json").read_text("utf-8"))
RUNS, AFTER = EXPECTED["runs"], EXPECTED["after"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project folder as it was, under another path."""
    monkeypatch.chdir(tmp_path)
    shutil.unpack_archive(KEPT / "outputs.tar.gz", tmp_path)
    for path in tmp_path.rglob("*.json*"):
        path.write_text(path.read_text("utf-8").replace("@HERE@", str(tmp_path)), "utf-8")
    script = gzip.decompress((KEPT / "store.sql.gz").read_bytes()).decode()
    store = sqlite3.connect(tmp_path / "mlflow.db")
    store.executescript(script.replace("@HERE@", str(tmp_path)))
    store.close()
    return tmp_path


# No MLflow opens a store that a newer one has migrated.
of_mlflow_3_17 = pytest.mark.skipif(
    tuple(map(int, version("mlflow").split(".")[:2])) < (3, 17),
    reason="earlier/store.sql.gz was written by MLflow 3.17, and this MLflow is older",
)


def digest(path: Path) -> str:
    tensors = checkpoints.read(path).tensors
    return hashlib.sha256(b"".join(tensors[n].tobytes() for n in sorted(tensors))).hexdigest()


def metrics(folder: Any) -> dict[str, float]:
    """The last value of each metric, but times and the baseline, whose n-grams are others now."""
    found = folder.read()["metrics"].items()
    left_out = ("speed/", "final/seconds", "final/tok", "final/baseline")
    return {k: v for k, v in found if not k.startswith(left_out)}


def expected(run: str) -> dict[str, float]:
    return {k: v for k, v in AFTER[run]["metrics"].items() if not k.startswith("final/baseline")}


def stored_points(here: Path, run: str) -> list[tuple[str, int]]:
    rows = sqlite3.connect(here / "mlflow.db").execute(
        "select key, step from metrics where run_uuid = ?", (run,)
    )
    of_models = "checkpoint/"  # what the best and the last checkpoint come to
    return sorted((str(key), int(step)) for key, step in rows if not key.startswith(of_models))


@of_mlflow_3_17
def test_runs_are_listed_with_their_metrics(here: Path) -> None:
    known = {summary.id: summary for summary in list_runs([], 20)}
    assert set(RUNS.values()) <= known.keys()
    finished = known[RUNS["finished"]]
    assert finished.status == "FINISHED"
    then = AFTER["finished"]["metrics"]
    assert {k: finished.metrics[k] for k in then} == pytest.approx(then, abs=0)


def test_a_finished_run_is_loaded_and_goes_further(here: Path) -> None:
    folder = find_run(RUNS["finished"])
    assert digest(folder.path / "checkpoints/last.safetensors") == AFTER["finished"]["sha256"]
    model = rnnx.load(RUNS["finished"])
    assert len(model.sample(3)) == 3
    longer = resume(folder, Silent(), ["steps=32"])
    assert longer.status == "FINISHED"
    assert metrics(folder)["best/step"] >= 30
    with folder.samples.open(encoding="utf-8", newline="") as file:
        columns, *rows = csv.reader(file)
    assert columns == ["step", "final", "text"]
    rounds = [key for key, _ in groupby((int(step), final) for step, final, _ in rows)]
    assert rounds == [(1, "false"), (15, "false"), (30, "false"), (32, "true")]


@pytest.mark.parametrize(("run", "same"), [("killed", "killed"), ("killed_local", "killed")])
def test_a_killed_run_comes_to_what_nobody_killed(here: Path, run: str, same: str) -> None:
    folder = find_run(RUNS[run])
    more = ["tracker=none"] if run.endswith("local") else []
    assert resume(folder, Silent(), []).status == "FINISHED", more
    assert digest(folder.path / "checkpoints/last.safetensors") == AFTER[same]["sha256"]
    assert metrics(folder) == expected(same)


@of_mlflow_3_17
def test_what_the_store_never_got_is_sent(here: Path) -> None:
    run = RUNS["killed_unsent"]
    before = stored_points(here, run)
    folder = find_run(run)
    assert resume(folder, Silent(), []).status == "FINISHED"
    assert digest(folder.path / "checkpoints/last.safetensors") == AFTER["killed_unsent"]["sha256"]
    assert metrics(folder) == expected("killed_unsent")
    after = stored_points(here, run)
    assert len(after) > len(before)
    assert len(set(after)) == len(after)
    assert {("train/loss", step) for step in (1, 5, 10, 15, 20, 25, 30)} <= set(after)
    [(status,)] = sqlite3.connect(here / "mlflow.db").execute(
        "select status from runs where run_uuid = ?", (run,)
    )
    assert status == "FINISHED"


def test_a_sweep_is_compared(here: Path) -> None:
    [sweep] = [path.name for path in (here / "outputs/sweeps").iterdir()]
    found = compare([sweep])
    assert sorted(entry.name for entry in found.with_value()) == ["seed=5", "seed=6"]
