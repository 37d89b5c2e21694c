"""A store that is full or read-only as runs start: they train, and it gets everything later."""

import resource
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from mlflow_entries import assert_whole, children, client, entries, place_store
from single_sweep import only_sweep, statuses
from tiny import tiny

from rnnx.cli.hydra_app import main
from rnnx.cli.runs import resume, show_runs
from rnnx.errors import StoreUnwritable
from rnnx.runs.folder import RunFolder, runs_in
from rnnx.sweeps.catch_up import catch_up
from rnnx_builtin.trackers.mlflow_log import MLflowLog
from rnnx_builtin.trackers.mlflow_store import MLflow

STORE = Path("mlflow.db")
WRITE_VERSION = 18  # in a SQLite file: the place of a byte that is above 2 in a read-only one
SMALLER = 400_000  # bytes, than a store, and larger than any other file of a tiny run


@contextmanager
def read_only() -> Iterator[None]:
    """The store's file may be written by nobody, not even root."""
    before = STORE.read_bytes()[WRITE_VERSION]
    _set_write_version(3)
    yield
    _set_write_version(before)


def _set_write_version(version: int) -> None:
    with STORE.open("r+b") as file:
        file.seek(WRITE_VERSION)
        file.write(bytes([version]))
    client()._tracking_client.store.engine.dispose()  # another process opens the file anew, too


@contextmanager
def full() -> Iterator[None]:
    """A store that is not there yet has no room."""
    STORE.rename("store")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALLER, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not STORE.exists()
    Path("store").rename(STORE)


@pytest.fixture(params=[read_only, full])
def unwritable(
    request: pytest.FixtureRequest, empty_store: Path, tmp_path: Path
) -> AbstractContextManager[None]:
    place_store(empty_store, tmp_path)
    made: AbstractContextManager[None] = request.param()
    return made


def command(names: Path, *more: str) -> list[str]:
    return [*(o for o in tiny(names, *more) if o != "tracker=none"), "tracker=mlflow"]


def test_a_run_is_sent_later(
    unwritable: AbstractContextManager[None], names: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with unwritable:
        assert main(command(names)) == 0
        (folder,) = runs_in("outputs")
        said = [line for line in capsys.readouterr().err.splitlines() if "rnnx: " in line]
        assert len(said) == 2  # as it starts, and as it ends
        assert all("mlflow.db: cannot be written (" in line for line in said)
        assert "the next rnnx command here sends" in said[0]
        assert f"rnnx sync {folder.id[:8]}" in said[1]
        assert folder.read()["status"] == "FINISHED"
        show_runs([], 20)  # what is there is read, and nothing can be sent yet
        assert folder.id[:12] in capsys.readouterr().out
    show_runs([], 20)
    assert "has what it had missed" in capsys.readouterr().err
    (entry,) = entries()
    assert_whole(entry, folder)
    assert "reason" not in entry.data.tags
    assert catch_up("outputs") == 0


def test_a_sweep_is_sent_later(
    unwritable: AbstractContextManager[None], names: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with unwritable:
        assert main(command(names, "seed=0,1", "hydra/launcher=basic"), multirun=True) == 0
        assert statuses() == ["FINISHED"] * 2
        assert "the next rnnx command here sends everything" in capsys.readouterr().err
    assert catch_up("outputs") == 3
    parent = client().get_run(only_sweep().read()["parent"])
    assert parent.data.params["overrides"].endswith("seed=0,1 hydra/launcher=basic tracker=mlflow")
    below = children(parent.info.run_id)
    for run in below:
        (folder,) = [f for f in runs_in("outputs") if f.entry == run.info.run_id]
        assert_whole(run, folder)
    assert {run.data.tags["sweep.seed"] for run in below} == {"0", "1"}
    assert parent.data.tags["best.run"] in {run.info.run_id for run in below}
    assert {run.info.status for run in entries()} == {"FINISHED"} and len(entries()) == 3
    assert catch_up("outputs") == 0


def test_a_sweep_whose_store_fills_as_it_starts(
    names: Path, empty_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(self: MLflowLog, params: object) -> None:
        if params:
            raise StoreUnwritable("database or disk is full")

    place_store(empty_store, tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(MLflowLog, "params", fill)
        assert main(command(names, "seed=0,1", "hydra/launcher=basic"), multirun=True) == 0
    catch_up("outputs")
    assert {run.info.status for run in entries()} == {"FINISHED"} and len(entries()) == 3
    assert len(children(only_sweep().read()["parent"])) == 2


def test_a_resumed_run_has_no_reason_left(names: Path, empty_store: Path, tmp_path: Path) -> None:
    place_store(empty_store, tmp_path)
    main(command(names))
    (folder,) = runs_in("outputs")
    MLflow().reopen(folder.entry).tags({"reason": "metrics.jsonl: cannot be written"})
    with read_only():
        assert resume("last", ["steps=16"]) == 0
        assert RunFolder(folder.path).read()["status"] == "FINISHED"
    assert catch_up("outputs") == 1
    (entry,) = entries()
    assert_whole(entry, folder)
    assert "reason" not in entry.data.tags
