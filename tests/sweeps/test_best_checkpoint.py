"""Sweeps in MLflow: the best checkpoint on some data, and a description for people."""

import shlex
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow_entries import client, entries, place_store
from tiny import tiny

from rnnx.cli.hydra_app import main
from rnnx.runs.folder import RunFolder, runs_in
from rnnx.runs.sweep_folder import Sweep
from rnnx.training.report import Silent
from rnnx.training.resume import resume

SWEPT = ["cell=vanilla,lstm", "seed=0,1"]


@pytest.fixture
def store(empty_store: Path, tmp_path: Path) -> str:
    return place_store(empty_store, tmp_path)


def command(names: Path, *swept: str) -> list[str]:
    overrides = [o for o in tiny(names, *swept) if o != "tracker=none"]
    return [*overrides, "hydra/launcher=basic"]


def best_checkpoint(store: str, data: str, digest: str) -> Any:
    """As the manual says: the best checkpoint of all runs on this data."""
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(store)
    try:
        held_out = {"dataset_name": data, "dataset_digest": digest}
        return mlflow.search_logged_models(
            experiment_ids=["1"],
            datasets=[held_out],
            order_by=[{"field_name": "metrics.checkpoint/val_loss", "ascending": True, **held_out}],
            output_format="list",
        )[0]
    finally:
        mlflow.set_tracking_uri(before)


def test_the_best_checkpoint_of_two_sweeps_on_two_data_sets(
    names: Path, tmp_path: Path, store: str
) -> None:
    other = tmp_path / "other.txt"
    other.write_text(names.read_text("utf-8").replace("a", "o"), "utf-8")
    for path in (names, other):
        assert main(command(path, *SWEPT), multirun=True) == 0
    by_data: dict[str, list[RunFolder]] = {}
    for folder in runs_in("outputs"):
        by_data.setdefault(folder.read()["split_sha256"], []).append(folder)
    assert [len(folders) for folders in by_data.values()] == [4, 4]
    for split, folders in by_data.items():
        best = min(folders, key=lambda folder: folder.read()["metrics"]["best/val_loss"])
        [name] = {folder.read()["data"][1]["name"] for folder in folders}
        found = best_checkpoint(store, name, split[:36])
        assert found.source_run_id == best.id
        assert found.tags["rnnx.checkpoint"] == str(best.best.resolve())
        assert found.params["cell.name"] == RunFolder(best.path).read()["command"][-2][5:]
    assert len(models(store)) == 16


def models(store: str) -> list[tuple[str, str]]:
    """Run and name of every logged model; none twice."""
    found = client(store).search_logged_models(["1"], max_results=1000)
    listed = [(model.source_run_id, model.name) for model in found]
    assert len(listed) == len(set(listed))
    return listed


def description(of: str) -> str:
    """The description of a run, its command in one line."""
    text = str(client().get_run(of).data.tags["mlflow.note.content"])
    return text.replace(" \\\n   ", "")


def test_a_sweep_is_described(names: Path, store: str) -> None:
    typed = command(names, *SWEPT)
    assert main(typed, multirun=True) == 0
    [path] = Path("outputs/sweeps").glob("*")
    sweep = Sweep(path)
    text = description(sweep.read()["parent"])
    first, second = text.splitlines()[:2]
    assert first.rstrip() == "**cell** `vanilla,lstm` × **seed** `0,1` — jobs: 4 finished"
    results = sorted(sweep.results(), key=lambda one: one.best_val_loss or 0)
    best = results[0]
    link = f"[{best.run_id[:8]}](#/experiments/1/runs/{best.run_id})"
    assert second.startswith(f"**Best held-out loss {best.best_val_loss:.4f}** (`best/val_loss`): ")
    assert second.endswith(f"run {link}")
    losses = [r.best_val_loss or 0 for r in sweep.results() if "cell=lstm" in r.overrides]
    mean, spread = sum(losses) / 2, abs(losses[0] - losses[1]) / 2**0.5
    row = f"| `cell=lstm` | 2 | {mean:.4f} | {spread:.4f} | {min(losses):.4f} | "
    assert row in text
    assert f"rnnx train -m {shlex.join(typed)}" in text
    # The job's own command trains it again: it finds that run.
    run = RunFolder(Path("outputs", best.run_id))
    assert f"rnnx train {shlex.join(run.read()['command'])}" in description(run.id)
    # Given again, the sweep is described by what it has now; runs and models stay as they were.
    before = models(store)
    assert main(typed, multirun=True) == 0
    assert "jobs: 4 skipped" in description(sweep.read()["parent"])
    assert models(store) == before


def test_a_run_that_goes_on_has_the_models_of_its_new_end(names: Path, store: str) -> None:
    assert main(command(names, "seed=0,1"), multirun=True) == 0
    folder = runs_in("outputs")[0]
    assert resume(folder, Silent(), ["steps=16"]).status == "FINISHED"
    of_run = {name for run, name in models(store) if run == folder.id}
    step = int(folder.read()["metrics"]["best/step"])
    assert of_run == {f"best-step-{step}", "last-step-16"}
    assert len(models(store)) == 4
    [run] = [run for run in entries(store) if run.info.run_id == folder.id]
    assert {one.dataset.name for one in run.inputs.dataset_inputs} == {
        "lines names.txt",
        "lines names.txt held-out",
    }
