"""A disk that is full, read-only or deleted: one line of error, and the run can be resumed."""

import os
import resource
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from processes import eventually, read_until, run_rnnx, start_rnnx, store, wait_for
from run_equality import assert_mlflow_holds, assert_same_run
from tiny import tiny

import rnnx
from rnnx.runs import checkpoint as checkpoints
from rnnx.runs.folder import RunFolder, runs_in

pytestmark = pytest.mark.slow

MEGABYTES = 12


class Disk:
    """A file system of a few megabytes, and a file that fills it."""

    def __init__(self, path: Path) -> None:
        self.path, self._ballast = path, path / "ballast"

    def fill(self) -> None:
        with self._ballast.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass

    def make_room(self) -> None:
        self._ballast.unlink()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder that cannot be written; for root that takes the immutable flag."""
    if os.geteuid():
        lock, unlock = ["chmod", "-R", "a-w"], ["chmod", "-R", "u+w"]
    else:
        lock, unlock = ["chattr", "-R", "+i"], ["chattr", "-R", "-i"]
    locked = subprocess.run([*lock, folder], capture_output=True, text=True, check=False)
    try:
        if not (folder / "run.json").exists() or "not supported" in locked.stderr:
            pytest.skip(f"{lock[0]}: {locked.stderr.strip()}")
        yield
    finally:
        subprocess.run([*unlock, folder], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    path = tmp_path / "small"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(path)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"there is no mount here: {error}")
    if mounted.returncode:
        pytest.skip(f"mounting is not permitted: {mounted.stderr.strip()}")
    yield Disk(path)
    subprocess.run(["umount", "--lazy", path], check=True)


def newest(outputs: str = "outputs") -> RunFolder:
    return runs_in(Path(outputs))[0]


def client() -> Any:
    from mlflow import MlflowClient

    return MlflowClient(store())


def one_line(said: str) -> str:
    """The one line of error in ``said``."""
    (line,) = [line for line in said.splitlines() if line.startswith("rnnx: ")]
    return line


LOGGING = ["log_every=1", "sample_every=0", "eval_every=0", "checkpoint.every=400"]
SAMPLES = ["log_every=5000", "sample_every=3", "eval_every=0", "checkpoint.every=400"]
CHECKPOINTS = ["log_every=5000", "sample_every=0", "eval_every=7", "checkpoint.every=3"]


@pytest.mark.parametrize("what", [LOGGING, SAMPLES, CHECKPOINTS], ids=["log", "samples", "state"])
def test_a_full_disk(what: list[str], disk: Disk, names: Path) -> None:
    overrides = tiny(names, "outputs=small", "tracker=mlflow", "steps=3000", *what)
    whole = rnnx.train(overrides).folder
    process = start_rnnx("train", *overrides)
    assert read_until(process, "step 1")
    folder = newest("small")
    eventually(folder.checkpoint_files)
    disk.fill()
    line = one_line(wait_for(process, 1))
    assert "No space left on device" in line
    assert f"free some space, then rnnx resume {folder.path}" in line
    assert client().get_run(folder.id).info.status == "FAILED"
    assert "No space left" in client().get_run(folder.id).data.tags["reason"]
    assert checkpoints.read(folder.last).metadata["step"] > 0
    said = run_rnnx("resume", str(folder.path), "outputs=small", codes=(2,))  # no key of those
    assert "may change" in said
    disk.make_room()
    run_rnnx("resume", str(folder.path))
    assert_same_run(folder, whole)
    assert_mlflow_holds(folder, client())
    assert "reason" not in client().get_run(folder.id).data.tags


def test_a_disk_that_is_full_from_the_start(disk: Disk, names: Path) -> None:
    disk.fill()
    said = run_rnnx("train", *tiny(names, "outputs=small", "tracker=mlflow"), codes=(1, 2))
    assert "No space left" in one_line(said)


def test_a_folder_that_becomes_read_only(names: Path) -> None:
    overrides = tiny(names, "tracker=mlflow", "steps=3000", *CHECKPOINTS)
    whole = rnnx.train(overrides).folder
    process = start_rnnx("train", *overrides)
    assert read_until(process, "step 1")
    folder = newest()
    eventually(folder.checkpoint_files)
    with read_only(folder.path):
        line = one_line(wait_for(process, 1))
        assert "not permitted" in line or "denied" in line
        assert client().get_run(folder.id).info.status == "FAILED"
        line = one_line(run_rnnx("resume", "last", codes=(1,)))
        assert "not permitted" in line or "denied" in line
    run_rnnx("resume", "last")
    assert_same_run(folder, whole)
    assert_mlflow_holds(folder, client())


def test_a_quota(names: Path) -> None:
    """Files that may not grow: what an unprivileged user can test anywhere."""
    overrides = tiny(names, "steps=1500", *LOGGING)
    whole = rnnx.train(overrides).folder

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    command = [os.sys.executable, "-m", "rnnx", "train", *overrides]  # type: ignore[attr-defined]
    found = subprocess.run(command, preexec_fn=limit, capture_output=True, text=True, check=False)
    assert found.returncode == 1, found
    assert "File too large" in one_line(found.stderr)
    folder = newest()
    assert folder.read()["status"] == "FAILED"
    run_rnnx("resume", "last")
    assert_same_run(folder, whole)


def test_outputs_deleted_in_mid_run(names: Path) -> None:
    process = start_rnnx("train", *tiny(names, "steps=10000000", "tracker=mlflow", *CHECKPOINTS))
    assert read_until(process, "step 1")
    folder = newest()
    Path("outputs").rename("elsewhere")
    line = one_line(wait_for(process, 1))
    assert "the run's folder is gone" in line
    assert client().get_run(folder.id).info.status == "FAILED"
    assert not Path("outputs").exists()
    shutil.rmtree("elsewhere")


def test_the_store_of_the_tracker_is_full(disk: Disk, names: Path) -> None:
    uri = f"sqlite:///{disk.path / 'mlflow.db'}"
    overrides = tiny(names, f"tracker.uri={uri}", "tracker=mlflow", "steps=3000", *LOGGING)
    process = start_rnnx("train", *overrides)
    assert read_until(process, "step 1")
    disk.fill()
    said = wait_for(process, 0)
    folder = newest()
    assert f"rnnx sync {folder.id[:8]}" in said
    assert "disk is full" in said
    assert all(len(line) < 500 for line in said.splitlines() if line.startswith("rnnx: "))
    assert folder.read()["status"] == "FINISHED"
    disk.make_room()
    assert "the tracker has everything" in run_rnnx("sync", "last")
    from mlflow import MlflowClient

    assert_mlflow_holds(folder, MlflowClient(uri))
    assert "already" in run_rnnx("sync", "last")


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize("what", ["full", "read-only"])
def test_a_store_that_takes_nothing_from_the_start(
    what: str, is_there: bool, disk: Disk, names: Path, empty_store: Path
) -> None:
    uri = f"tracker.uri=sqlite:///{disk.path / 'mlflow.db'}"
    if is_there:
        shutil.copy(empty_store, disk.path / "mlflow.db")
    if what == "full":
        disk.fill()
    else:
        remount(disk, "ro")
    said = run_rnnx("train", *tiny(names, "tracker=mlflow", uri))
    assert "cannot be written (" in said and "the next rnnx command here sends" in said
    folder = newest()
    assert folder.read()["status"] == "FINISHED"
    if what == "full":
        disk.make_room()
    else:
        remount(disk, "rw")
    assert "has what it had missed" in run_rnnx("runs", uri)
    from mlflow import MlflowClient

    assert_mlflow_holds(folder, MlflowClient(uri.partition("=")[2]))


def remount(disk: Disk, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", disk.path], check=True)


def test_a_store_that_another_process_locks(names: Path) -> None:
    overrides = tiny(names, "tracker=mlflow", "steps=10000000", "log_every=50", "sample_every=500")
    process = start_rnnx("train", *overrides)
    assert read_until(process, "step 1")
    other = sqlite3.connect("mlflow.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert process.stderr is not None
    line = process.stderr.readline()
    assert "the tracker does not answer" in line
    assert "locked" in line
    other.execute("ROLLBACK")
    assert "answers again" in process.stderr.readline()
    other.execute("BEGIN EXCLUSIVE")
    process.send_signal(signal.SIGINT)
    said = wait_for(process, 130)
    other.execute("ROLLBACK")
    folder = newest()
    assert f"rnnx sync {folder.id[:8]}" in said
    run_rnnx("sync", "last")
    assert_mlflow_holds(folder, client(), "KILLED")
