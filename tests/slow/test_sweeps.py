"""Sweeps of real processes: failures, kills and signals, read back with an MlflowClient."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from processes import eventually, run_rnnx, start_rnnx, wait_for
from single_sweep import only_sweep, results, statuses
from sweep_state import (
    LONG,
    assert_killed_with_checkpoint,
    children,
    client,
    interrupted,
    parent,
    parent_of,
    pid_of,
    working,
)
from tiny import TINY, tiny

from rnnx.runs import checkpoint as checkpoints
from rnnx.runs.folder import runs_in
from rnnx.runs.lock import is_busy
from rnnx.runs.sweep_folder import Sweep

pytestmark = pytest.mark.slow

INT, TERM = (signal.SIGINT, 130), (signal.SIGTERM, 143)


# A data set that the driver can read, and a job cannot where its file is missing.
FICKLE = """
    import multiprocessing
    from dataclasses import dataclass
    from pathlib import Path
    import rnnx
    from rnnx.errors import DataError

    @dataclass(frozen=True)
    class Fickle:
        path: str = ""

        def load(self, seed):
            if multiprocessing.parent_process() and not Path(self.path).exists():
                raise DataError(f"{self.path}: there is no such file")
            vocabulary = rnnx.Vocabulary.of("abc", end="\\n")
            train = rnnx.examples_of(vocabulary, ["abc", "ab", "cab", "bca"] * 9)
            return rnnx.Corpus(vocabulary, train, None, "0" * 64)

    @rnnx.hookimpl
    def register_datasets(register):
        register("fickle", Fickle)
"""


def test_each_failure_costs_its_own_job(
    names: Path, install: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(FICKLE)
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()), prepend=os.pathsep)
    away = names.with_name("away.txt")
    overrides = [*TINY, "tracker=mlflow", "jobs=2", "dataset=fickle"]
    swept = [f"dataset.path={names},{away}", "optimizer.learning_rate=0.01,1e38"]
    said = run_rnnx("train", "-m", *overrides, *swept, codes=(1,))
    assert statuses() == ["FINISHED", "FAILED", "FAILED", "FAILED"]
    assert "1 finished, 3 failed" in said
    (row,) = [line for line in said.splitlines() if line.startswith("4\t")]
    assert f"{away}: there is no such file" in row
    assert parent().info.status == "FAILED"
    assert parent().info.run_name == "sweep dataset.path, optimizer.learning_rate"
    tags = parent().data.tags
    counts = {key: tags[f"sweep.{key}"] for key in ("finished", "failed", "killed", "skipped")}
    assert counts == {"finished": "1", "failed": "3", "killed": "0", "skipped": "0"}
    found = {run.info.run_id: run for run in children()}
    assert set(found) == {result.run_id for result in results()}
    for result in results():
        run = found[result.run_id]
        assert run.info.status == result.status
        assert run.data.tags["sweep.id"] == only_sweep().id
        swept_here = dict(pair.split("=") for pair in result.overrides)
        for key in ("dataset.path", "optimizer.learning_rate"):
            assert run.data.tags[f"sweep.{key}"] == swept_here[key]
        if result.status == "FAILED":
            assert "Traceback" in only_sweep().log_file(result.job).read_text()
            names_of = [a.path for a in client().list_artifacts(result.run_id)]
            assert "traceback.txt" in names_of

    away.write_text(names.read_text())
    run_rnnx("train", "-m", *overrides, *swept, codes=(1,))
    assert statuses() == ["SKIPPED", "FAILED", "FINISHED", "FAILED"]
    # A job's only run told of its failure first.
    after = {run.info.run_id: run.info.status for run in children()}
    assert after.keys() == found.keys()
    assert sorted(after.values()) == ["FAILED"] * 2 + ["FINISHED"] * 2


def test_a_job_killed_from_outside(names: Path) -> None:
    overrides = [*tiny(names, *LONG, "tracker=mlflow", "jobs=3"), "seed=0,1,2"]
    overrides += ["steps=2000"]
    driver = start_rnnx("train", "-m", *overrides)
    victim = working(3)[0]
    os.kill(pid_of(victim), signal.SIGKILL)
    said = wait_for(driver, 1)
    assert sorted(statuses()) == ["FINISHED", "FINISHED", "KILLED"]
    assert "killed by SIGKILL (out of memory, perhaps)" in said
    (lost,) = [result for result in results() if result.status == "KILLED"]
    assert lost.run_id == victim.id
    assert_killed_with_checkpoint(victim)
    assert parent().info.status == "FAILED"
    assert len(children()) == 3

    run_rnnx("train", "-m", *overrides)
    assert sorted(statuses()) == ["FINISHED", "SKIPPED", "SKIPPED"]
    assert "goes on after step" in only_sweep().log_file(lost.job).read_text()
    assert parent().info.status == "FINISHED"
    assert {run.info.status for run in children()} == {"FINISHED"}
    assert len(children()) == 3


def test_a_trial_killed_from_outside_fails_the_search_once(names: Path) -> None:
    pytest.importorskip("optuna")
    space = "optimizer.learning_rate=interval(0.001,0.01)"
    chosen = ["hydra/sweeper=optuna", "hydra.sweeper.pruner=none", "hydra.sweeper.n_trials=4"]
    command = [*tiny(names, *LONG, "jobs=2"), "steps=1500", *chosen, space]
    driver = start_rnnx("train", "-m", *command)
    victim = working(2)[0]
    os.kill(pid_of(victim), signal.SIGKILL)
    assert "killed by SIGKILL (out of memory, perhaps)" in wait_for(driver, 1)
    # The search goes on without it: as many trials as were asked for have been started.
    assert sorted(statuses()) == ["FINISHED", "FINISHED", "FINISHED", "KILLED"]

    run_rnnx("train", "-m", *command)
    assert statuses() == ["FINISHED"] * 4
    assert {folder.read()["status"] for folder in runs_in(Path("outputs"))} == {"FINISHED"}
    assert len(runs_in(Path("outputs"))) == 4  # the one that was killed went on


@pytest.mark.parametrize(("number", "code"), [INT, TERM])
def test_a_signal_to_the_driver(number: signal.Signals, code: int, names: Path) -> None:
    overrides = [*tiny(names, *LONG, "tracker=mlflow", "jobs=2"), "seed=0,1,2"]
    overrides += ["steps=2000"]
    driver = start_rnnx("train", "-m", *overrides)
    two = working(2)
    for pid in (driver.pid, *{parent_of(pid_of(folder)) for folder in two}):
        os.kill(pid, number)  # a group's signal reaches the server that forks jobs, too
    wait_for(driver, code)
    assert statuses() == ["KILLED", "KILLED"]
    for folder in two:
        assert not is_busy(folder)
        assert_killed_with_checkpoint(folder)
        assert folder.read()["reason"].startswith(f"{interrupted(number)} after step ")
    assert [result.reason for result in results()] == [interrupted(number)] * 2
    assert parent().info.status == "KILLED"
    run_rnnx("train", "-m", *overrides)
    assert statuses() == ["FINISHED"] * 3
    assert parent().info.status == "FINISHED"
    assert len(children()) == 3


def test_a_sweep_that_is_asked_to_stop_in_mlflow(names: Path) -> None:
    overrides = [*tiny(names, *LONG, "tracker=mlflow", "jobs=2"), "seed=0,1,2"]
    driver = start_rnnx("train", "-m", *overrides)
    two = working(2)
    asked = parent().info.run_id
    client().set_tag(asked, "rnnx.sample", "now")
    eventually(lambda: all(len(list((f.path / "samples").iterdir())) > 1 for f in two), 60)
    eventually(lambda: "rnnx.sample" not in parent().data.tags, 60)
    client().set_tag(two[0].id, "rnnx.stop", "true")  # one job alone
    eventually(lambda: not is_busy(two[0]), 60)
    assert two[0].read()["reason"].startswith("rnnx.stop after step ")
    eventually(lambda: len(working(2)) == 2, 60)  # the third has taken its place
    client().set_tag(asked, "rnnx.stop", "true")
    said = wait_for(driver, 143)
    assert "the tag rnnx.stop of the sweep's run asks it to stop" in said
    assert statuses() == ["KILLED"] * 3
    for folder in two:
        assert_killed_with_checkpoint(folder)
    tags = parent().data.tags
    assert (parent().info.status, tags["reason"]) == ("KILLED", "stopped by the tag rnnx.stop")
    assert "rnnx.stop" not in tags
    client().set_tag(asked, "rnnx.stop", "true")  # before the sweep goes on
    at = [checkpoints.read(folder.last).metadata["step"] for folder in two]
    again = start_rnnx("train", "-m", *overrides)
    working(2)
    assert "rnnx.stop" not in parent().data.tags
    again.send_signal(signal.SIGINT)
    wait_for(again, 130)
    assert [checkpoints.read(folder.last).metadata["step"] for folder in two] >= at


def test_a_driver_killed_leaves_nobody_at_work(names: Path) -> None:
    overrides = [*tiny(names, *LONG, "tracker=mlflow", "jobs=2"), "seed=0,1,2"]
    overrides += ["steps=2000"]
    driver = start_rnnx("train", "-m", *overrides)
    two = working(2)
    driver.kill()
    driver.communicate()
    before = parent()
    assert before.info.status == "RUNNING"
    eventually(lambda: not any(is_busy(folder) for folder in two), 30)
    for folder in two:
        assert_killed_with_checkpoint(folder)
    run_rnnx("train", "-m", *overrides)
    assert parent().info.run_id == before.info.run_id
    assert parent().info.status == "FINISHED"
    assert statuses() == ["FINISHED"] * 3
    assert len(children()) == 3


def test_the_second_driver_is_refused(names: Path) -> None:
    overrides = [*tiny(names, *LONG, "jobs=2"), "seed=0,1"]
    driver = start_rnnx("train", "-m", *overrides)
    working(2)
    said = run_rnnx("train", "-m", *overrides, codes=(2,))
    assert f"process {driver.pid} on " in said and said.count("\n") == 1
    driver.terminate()
    wait_for(driver, 143)


def test_two_sweeps_share_their_jobs(names: Path) -> None:
    overrides = tiny(names, "tracker=mlflow", "jobs=1", "steps=2000")
    first = start_rnnx("train", "-m", *overrides, "seed=0,1")
    working(1)
    second = start_rnnx("train", "-m", *overrides, "seed=0,1,2")
    wait_for(first, 0)
    wait_for(second, 0)
    found = [Sweep(path.parent) for path in Path("outputs/sweeps").glob("*/sweep.json")]
    ended = sorted([result.status for result in sweep.results()] for sweep in found)
    assert ended == sorted([["FINISHED", "FINISHED"], ["SKIPPED", "SKIPPED", "FINISHED"]])
    assert {folder.read()["status"] for folder in runs_in(Path("outputs"))} == {"FINISHED"}


def test_nobody_reads_the_lines_of_a_sweep(names: Path) -> None:
    driver = start_rnnx("train", "-m", *tiny(names), "seed=0,1")
    assert driver.stdout is not None
    driver.stdout.close()
    driver.stdout = None
    assert "training goes on" in wait_for(driver, 0)
    assert statuses() == ["FINISHED", "FINISHED"]
    assert (only_sweep().path / "comparison.html").is_file()


def test_a_store_that_cannot_be_reached(names: Path) -> None:
    overrides = tiny(names, "tracker=mlflow", "tracker.uri=http://127.0.0.1:9", "seed=0,1")
    said = run_rnnx("train", "-m", *overrides, codes=(2,))
    assert said.count("\n") == 1 and "http://127.0.0.1:9" in said
    assert not list(Path("outputs").rglob("*.json"))


def test_sixteen_cold_starts_on_a_fresh_store(names: Path) -> None:
    seeds = "seed=" + ",".join(str(seed) for seed in range(16))
    run_rnnx("train", "-m", *tiny(names, "tracker=mlflow", "steps=1", "jobs=16"), seeds)
    assert statuses() == ["FINISHED"] * 16
    assert {run.info.status for run in children()} == {"FINISHED"}
    assert len(children()) == 16
