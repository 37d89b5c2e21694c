"""A run belongs to one store; a moved project takes its runs along, a copy has its own."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mlflow_entries import assert_whole, client, entries, place_store
from tiny import tiny

from rnnx.cli.hydra_app import main
from rnnx.cli.runs import resume, sync
from rnnx.errors import ConfigError, StoreError
from rnnx.runs.folder import RunFolder, runs_in
from rnnx.runs.named import find_folders
from rnnx.runs.outbox import Outbox
from rnnx.runs.registration import bring_up_to_date, is_same_tracker, register
from rnnx.runs.stored_config import stored_config
from rnnx.runs.whereabouts import project_of
from rnnx.system.files import write_json
from rnnx_builtin.trackers.mlflow_log import MLflowLog
from rnnx_builtin.trackers.mlflow_store import MLflow

Enter = Callable[[Path], None]


@pytest.fixture
def enter(monkeypatch: pytest.MonkeyPatch) -> Enter:
    """Work in another folder, as a process that begins there."""

    def begin_in(path: Path) -> None:
        from mlflow.tracking._tracking_service import utils

        utils._artifact_repos_cache.clear()  # by run id: MLflow's processes keep the first place
        monkeypatch.chdir(path)

    return begin_in


@pytest.fixture
def project(tmp_path: Path, names: Path, empty_store: Path, enter: Enter) -> Path:
    """A project with its data and its store, in which the test works."""
    folder = tmp_path / "A"
    folder.mkdir()
    shutil.move(names, folder / "names.txt")
    place_store(empty_store, folder)
    enter(folder)
    return folder


def train(*more: str, tracker: str = "mlflow") -> RunFolder:
    overrides = [o for o in tiny(Path("names.txt"), *more) if o != "tracker=none"]
    assert main([*overrides, f"tracker={tracker}"]) == 0
    return runs_in("outputs")[0]


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder; a lock is no content."""
    every = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): path.read_bytes() for path in every}


def artifacts(folder: Path) -> set[str]:
    return {path.relative_to(folder).parts[0] for path in folder.glob("mlruns/*/artifacts/**/*")}


def only_entry(uri: str = "", experiment: str = "rnnx") -> Any:
    (found,) = entries(uri, experiment)
    return found


def test_a_moved_project_takes_its_store_and_artifacts_along(
    project: Path, tmp_path: Path, enter: Enter
) -> None:
    first = train()
    project.rename(tmp_path / "B")
    enter(tmp_path / "B")
    second = train("seed=1")
    for run, folder in zip(entries(), [RunFolder(Path("outputs", first.id)), second], strict=True):
        assert_whole(run, folder)
    assert not project.exists()
    assert resume(first.id, ["steps=16"]) == 0
    assert_whole(client().get_run(first.id), RunFolder(Path("outputs", first.id)))
    assert not project.exists()


def test_a_copied_project_is_its_own(project: Path, tmp_path: Path, enter: Enter) -> None:
    train()
    shutil.copytree(project, tmp_path / "B")
    (project / "names.txt").unlink()  # the copy reads its own
    before = files(project)
    enter(tmp_path / "B")
    assert resume("last", ["steps=16"]) == 0
    assert files(project) == before
    (folder,) = runs_in("outputs")
    assert_whole(only_entry(), folder)
    assert Path(only_entry().info.artifact_uri).is_relative_to(tmp_path / "B")


def test_a_copy_gets_a_run_of_its_own_in_a_store_that_both_use(
    project: Path,
    tmp_path: Path,
    empty_store: Path,
    enter: Enter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    uri = place_store(empty_store, tmp_path, "shared.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    original = train()
    before = client(uri).get_run(original.id).to_dictionary()
    shutil.copytree(project, tmp_path / "B")
    enter(tmp_path / "B")
    sync("last")
    assert resume("last", ["steps=16"]) == 0
    assert client(uri).get_run(original.id).to_dictionary() == before
    (folder,) = runs_in("outputs")
    own = next(run for run in entries(uri) if run.info.run_id != original.id)
    assert_whole(own, folder, uri)
    assert find_folders(own.info.run_id[:12], Path("outputs"))[0].path.samefile(folder.path)
    project.rename(tmp_path / "C")  # while the original, moved, keeps its run
    enter(tmp_path / "C")
    assert resume("last", ["steps=20"]) == 0
    assert_whole(client(uri).get_run(original.id), runs_in("outputs")[0], uri)
    assert len(entries(uri)) == 2


def test_a_run_goes_whole_to_another_store_or_experiment(
    project: Path,
    tmp_path: Path,
    empty_store: Path,
    capsys: Any,
) -> None:
    folder = train("probe=gradient_by_lag", tracker="none")
    sync("last", ["tracker=mlflow"])
    first = only_entry()
    assert_whole(first, folder)
    assert first.info.run_id in capsys.readouterr().out
    assert client().list_artifacts(first.info.run_id, "images")
    sync("last", ["tracker.experiment=other"])
    assert_whole(only_entry(experiment="other"), folder)
    uri = place_store(empty_store, tmp_path, "two.db")
    sync("last", [f"tracker.uri={uri}"])
    assert only_entry(uri, "other").data.params["seed"] == "0"  # the field that was not named stays
    assert resume("last", ["steps=16"]) == 0
    assert_whole(only_entry(uri, "other"), folder, uri)
    sync("last", [f"tracker.uri=sqlite:///{project}/mlflow.db", "tracker.experiment=rnnx"])
    assert_whole(only_entry(), folder)  # the entry that it has there, brought up to date
    assert first.info.end_time >= first.info.start_time
    for wrong in ("tracker=none", "seed=1"):
        with pytest.raises(ConfigError, match=wrong):
            sync("last", [wrong])


@pytest.mark.parametrize("lost", ["the run", "the store"])
def test_what_a_store_has_lost_it_gets_from_the_folder(
    lost: str,
    project: Path,
    empty_store: Path,
) -> None:
    folder = train()
    if lost == "the run":
        client().delete_run(folder.id)
    else:
        place_store(empty_store, project)
    sync("last")
    assert only_entry().info.run_id != folder.id
    assert_whole(only_entry(), folder)
    sync("last")
    assert resume("last", ["steps=16"]) == 0
    assert_whole(only_entry(), folder)


def test_a_damaged_store_says_how_runs_come_to_a_new_one(project: Path, empty_store: Path) -> None:
    train()
    whole, damaged = empty_store.read_bytes(), project / "damaged.db"
    damaged.write_bytes(whole[:8192].ljust(len(whole), b"Z"))
    with pytest.raises(StoreError, match="move its file away; `rnnx sync RUN` sends a run from"):
        sync("last", ["tracker.uri=sqlite:///damaged.db"])


def test_a_deleted_experiment_is_told(project: Path) -> None:
    train()
    store = client()
    store.delete_experiment(store.get_experiment_by_name("rnnx").experiment_id)
    with pytest.raises(StoreError, match=r"was deleted .* restore it"):
        sync("last")


def test_no_run_stays_running(project: Path, tmp_path: Path, empty_store: Path) -> None:
    folder = train()
    MLflow().reopen(folder.id)
    folder.write({"status": "RUNNING"})  # as a kill leaves both
    sync("last")
    assert (folder.read()["status"], only_entry().info.status) == ("KILLED", "KILLED")
    MLflow().reopen(folder.id)
    folder.write({"status": "RUNNING"})
    uri = place_store(empty_store, tmp_path, "two.db")
    sync("last", [f"tracker.uri={uri}"])
    assert only_entry().info.status == "KILLED"  # in the store that it has left, too
    assert only_entry(uri).info.run_id in only_entry().data.tags["reason"]
    assert_whole(only_entry(uri), folder, uri)


def test_the_end_is_told_where_files_are_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("the folder of artifacts cannot be written")

    with monkeypatch.context() as patched:
        patched.setattr(MLflowLog, "file", refuse)
        folder = train()
        assert only_entry().info.status == "FINISHED"
        with pytest.raises(StoreError, match="cannot be written"):
            sync("last")
        assert only_entry().info.status == "FINISHED"
    sync("last")
    assert_whole(only_entry(), folder)


def test_an_entry_whose_maker_was_killed_is_found_again(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = train(tracker="none")
    config = {**stored_config(folder)["tracker"], "name": "mlflow"}
    with Outbox(folder.path) as outbox, monkeypatch.context() as patched:
        patched.setattr(Outbox, "begin_again", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            register(folder, MLflow(), outbox, {})
    made = only_entry().info.run_id
    assert bring_up_to_date(folder, config).entry == made
    assert_whole(only_entry(), folder)


def test_a_store_of_an_earlier_version_is_taken_along(
    project: Path, tmp_path: Path, enter: Enter
) -> None:
    folder = train()
    with sqlite3.connect("mlflow.db") as database:
        database.execute("DELETE FROM experiment_tags WHERE key = 'rnnx.store'")
    fields = folder.read()
    del fields["place"], fields["told"]
    (folder.path / "run.json").unlink()
    folder.write(fields)
    project.rename(tmp_path / "B")
    enter(tmp_path / "B")
    assert resume("last", ["steps=16"]) == 0
    assert_whole(only_entry(), runs_in("outputs")[0])
    assert not project.exists()


def test_artifacts_elsewhere_and_those_left_behind_keep_their_place(
    project: Path, tmp_path: Path, enter: Enter
) -> None:
    elsewhere = str(tmp_path / "elsewhere")
    client().create_experiment("own", artifact_location=elsewhere)
    folder = train()
    (tmp_path / "B").mkdir()
    shutil.copy("mlflow.db", tmp_path / "B")  # without the artifacts
    shutil.copy("names.txt", tmp_path / "B")
    enter(tmp_path / "B")
    train("seed=1")
    old, new = entries()
    assert Path(old.info.artifact_uri) == project / "mlruns" / folder.id / "artifacts"
    assert Path(new.info.artifact_uri).is_relative_to(tmp_path / "B")
    assert client().get_experiment_by_name("own").artifact_location == elsewhere


@pytest.mark.parametrize(
    ("before", "project", "outputs", "after"),
    [
        ("old", ".", "outputs", "new"),
        ("old", ".", "outputs", "old/old"),
        ("old/outputs", ".", "outputs", "outputs"),
        ("a/p", ".", "outputs", "b/p"),
        ("old", "deep/inside", "runs/all", "x/y/z"),
    ],
)
def test_a_project_is_found_after_a_move(
    before: str, project: str, outputs: str, after: str, tmp_path: Path
) -> None:
    """The directory in which the run began has moved together with its folder."""
    here = tmp_path / after / outputs / "id"
    (tmp_path / after / project).mkdir(parents=True)
    here.mkdir(parents=True)
    folder, was = RunFolder(here), tmp_path / before
    folder.write({"cwd": str(was / project), "place": str(was / outputs / "id")})
    assert project_of(folder) == (tmp_path / after / project).resolve()


def test_a_folder_that_was_moved_alone_stays_in_its_project(tmp_path: Path) -> None:
    here = tmp_path / "archive" / "id"
    here.mkdir(parents=True)
    folder = RunFolder(here)
    folder.write({"cwd": str(tmp_path), "place": str(tmp_path / "outputs" / "id")})
    assert project_of(folder) == tmp_path
    for wrong in ("relative", "/a\0b", 3, "/nowhere/at/all"):
        write_json(here / "run.json", {"cwd": wrong, "place": str(tmp_path / "outputs" / "id")})
        assert project_of(folder) is None


def test_a_run_that_began_before_a_tracker_had_a_field_belongs_to_the_same_store(
    project: Path,
) -> None:
    folder = train()
    config = stored_config(folder)
    now = dict(config["tracker"])
    del config["tracker"]["system_metrics"]
    folder.write_config(config)
    assert is_same_tracker(stored_config(folder)["tracker"], now)
    assert not is_same_tracker(stored_config(folder)["tracker"], {**now, "experiment": "other"})
    assert not is_same_tracker(None, now)
