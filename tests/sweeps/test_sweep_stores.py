"""A sweep is whole in the store to which it is sent: its parent has all jobs below it."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from mlflow_entries import assert_whole, children, client, entries, place_store
from tiny import tiny

from rnnx.cli.hydra_app import main
from rnnx.cli.runs import show_runs
from rnnx.runs.find import find_run
from rnnx.runs.folder import RunFolder, runs_in
from rnnx.runs.sweep_folder import Sweep
from rnnx_builtin.trackers.mlflow_store import MLflow

SERIAL = "hydra/launcher=basic"


@pytest.fixture
def store(empty_store: Path, tmp_path: Path) -> str:
    """The store in the test's folder."""
    return place_store(empty_store, tmp_path)


def sweep(names: Path, *more: str, tracker: str = "mlflow") -> Sweep:
    """Give the command; the newest sweep."""
    overrides = [o for o in tiny(names, *more) if o != "tracker=none"]
    assert main([*overrides, f"tracker={tracker}", SERIAL], multirun=True) == 0
    made = [Sweep(path.parent) for path in Path("outputs/sweeps").glob("*/sweep.json")]
    return max(made, key=lambda found: float(found.read()["started"]))


def statuses(made: Sweep) -> list[str]:
    return [result.status for result in made.results()]


def assert_all_below(made: Sweep, uri: str = "", experiment: str = "rnnx") -> list[Any]:
    """The parent has a whole entry of every job; its tags name one of them as the best."""
    parent = client(uri).get_run(made.read()["parent"])
    below = children(parent.info.run_id, uri, experiment)
    folders = [RunFolder(Path("outputs", result.run_id)) for result in made.results()]
    for folder in folders:
        (own,) = [run for run in below if run.data.params["seed"] == seed_of(folder)]
        assert_whole(own, folder, uri, files="rnnx.copy_of" not in own.data.tags)
    assert len(below) == len(folders)
    assert parent.data.tags["best.run"] in {run.info.run_id for run in below}
    assert {run.info.status for run in entries(uri, experiment)} == {"FINISHED"}
    return below


def seed_of(folder: RunFolder) -> str:
    return str(folder.read()["seed"])


def test_a_sweep_given_to_another_store_is_sent_there_whole(
    names: Path, store: str, tmp_path: Path, empty_store: Path
) -> None:
    first = sweep(names, "seed=0,1", tracker="none")
    assert statuses(first) == ["FINISHED"] * 2
    two = place_store(empty_store, tmp_path, "two.db")
    for uri, experiment in (("", "rnnx"), (two, "rnnx"), ("", "other")):
        where = [f"tracker.uri={uri}"] if uri else []
        made = sweep(names, "seed=0,1", *where, f"tracker.experiment={experiment}")
        assert statuses(made) == ["SKIPPED"] * 2
        assert_all_below(made, uri, experiment)
    again = sweep(names, "seed=0,1", "tracker.experiment=rnnx")
    assert len(assert_all_below(again)) == 2
    assert len(entries()) == 3
    assert len(runs_in("outputs")) == 2


@pytest.mark.parametrize("what", ["a run", "the parent", "both", "the store"])
def test_what_was_deleted_is_there_again(
    what: str, names: Path, store: str, tmp_path: Path, empty_store: Path
) -> None:
    made = sweep(names, "seed=0,1")
    parent = made.read()["parent"]
    if what in ("a run", "both"):
        client().delete_run(made.results()[0].run_id)
    if what in ("the parent", "both"):
        client().delete_run(parent)
    if what == "the store":
        place_store(empty_store, tmp_path)
    again = sweep(names, "seed=0,1")
    assert (again.id, statuses(again)) == (made.id, ["SKIPPED"] * 2)
    assert (again.read()["parent"] == parent) == (what == "a run")
    assert_all_below(again)


def test_a_job_that_finished_in_another_sweep_is_below_both(
    names: Path, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first = sweep(names, "seed=0,1")
    second = sweep(names, "seed=0,1,2")
    for made in (second, sweep(names, "seed=0,1,2"), first):
        below = assert_all_below(made)
    assert {run.info.run_id for run in below} == {result.run_id for result in first.results()}
    copies = [run for run in entries() if "rnnx.copy_of" in run.data.tags]
    assert {run.data.tags["rnnx.copy_of"] for run in copies} == {r.info.run_id for r in below}
    for copy in copies:  # its id means the run
        assert find_run(copy.info.run_id).id in {run.info.run_id for run in below}
    capsys.readouterr()
    show_runs([], 20)
    shown = capsys.readouterr().out
    assert shown.count("seed=0") == 1
    assert len(shown.splitlines()) == 5  # three runs, two sweeps


def test_a_copy_whose_maker_was_killed_is_completed(names: Path, store: str) -> None:
    sweep(names, "seed=0,1")
    second = sweep(names, "seed=0,1,2")
    (copy,) = [r for r in children(second.read()["parent"]) if r.data.params["seed"] == "1"]
    MLflow().reopen(copy.info.run_id)
    assert_all_below(sweep(names, "seed=0,1,2"))


def test_a_single_run_joins_the_sweep_that_skips_it(names: Path, store: str) -> None:
    overrides = [o for o in tiny(names, "seed=0", "threads=1") if o != "tracker=none"]
    assert main([*overrides, "tracker=mlflow"]) == 0
    made = sweep(names, "seed=0,1", "threads=1")
    assert statuses(made) == ["SKIPPED", "FINISHED"]
    assert_all_below(made)
    assert len(entries()) == 3


def test_a_copied_project_has_a_sweep_of_its_own(
    names: Path, tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = place_store(empty_store, tmp_path, "shared.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    (tmp_path / "A").mkdir()
    monkeypatch.chdir(tmp_path / "A")
    original = Sweep(sweep(names, "seed=0,1").path.resolve())
    shutil.copytree(tmp_path / "A", tmp_path / "B")
    monkeypatch.chdir(tmp_path / "B")
    MLflow().reopen(original.results()[0].run_id)  # the original goes on while the copy works
    RunFolder(Path("outputs", original.results()[0].run_id)).write({"status": "RUNNING"})
    own = sweep(names, "seed=0,1")
    assert own.read()["parent"] != original.read()["parent"]
    assert len(children(own.read()["parent"], uri)) == 2
    assert len(children(original.read()["parent"], uri)) == 2
    assert client(uri).get_run(original.results()[0].run_id).info.status == "RUNNING"


def write_recipe(folder: Path, values: str, sweeper: str = "") -> None:
    (folder / "sweep").mkdir(parents=True, exist_ok=True)
    (folder / "sweep" / "mine.yaml").write_text(
        f"# @package _global_\n{sweeper}hydra:\n  sweeper:\n    params:\n      {values}\n"
    )


def test_an_edited_recipe_is_a_new_sweep(
    names: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [f"hydra.searchpath=[file://{tmp_path}/own]", "sweep=mine"]
    write_recipe(tmp_path / "own", "seed: 0,1")
    first = sweep(names, *command, tracker="none")
    assert "has changed" not in capsys.readouterr().err
    write_recipe(tmp_path / "own", "cell: vanilla,lstm")
    second = sweep(names, *command, tracker="none")
    assert f"has changed since sweep {first.id}" in capsys.readouterr().err
    assert second.read()["swept"] == ["cell"]
    assert [second.name(r.overrides) for r in second.results()] == ["cell=vanilla", "cell=lstm"]
    assert [second.tags(r.overrides)["sweep.cell"] for r in second.results()] == ["vanilla", "lstm"]
    write_recipe(tmp_path / "own", "seed: 0,1")
    assert sweep(names, *command, tracker="none").id == first.id


def test_an_edited_experiment_is_a_new_sweep(names: Path, tmp_path: Path) -> None:
    (tmp_path / "own" / "experiment").mkdir(parents=True)
    recipe = tmp_path / "own" / "experiment" / "mine.yaml"
    command = [f"hydra.searchpath=[file://{tmp_path}/own]", "experiment=mine", "seed=0,1"]
    made = []
    for smoothing in (0.5, 0.9):
        recipe.write_text(f"# @package _global_\nsmoothing: {smoothing}\n")
        made.append(sweep(names, *command, tracker="none"))
    assert made[0].id != made[1].id
    assert statuses(made[1]) == ["FINISHED"] * 2


def test_a_search_whose_values_have_changed_is_a_new_one(
    names: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [f"hydra.searchpath=[file://{tmp_path}/own]", "sweep=mine"]
    command += ["hydra/sweeper=optuna", "hydra.sweeper.n_trials=2", "hydra.sweeper.sampler=random"]
    write_recipe(tmp_path / "own", "cell: vanilla,lstm")
    first = sweep(names, *command, tracker="none")
    write_recipe(tmp_path / "own", "cell: vanilla,lstm,gru")
    second = sweep(names, *command, tracker="none")
    assert f"has changed since sweep {first.id}" in capsys.readouterr().err
    assert len(second.results()) == 2
