"""SIGINT and SIGTERM at any time, two processes on one run, and a reader beside a run."""

import json
import random
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from processes import DENSE, read_until, run_rnnx, start_rnnx, store, wait_for
from run_equality import assert_mlflow_holds, assert_same_run
from tiny import tiny

import rnnx
from rnnx.runs import checkpoint as checkpoints
from rnnx.runs.folder import RunFolder, runs_in

pytestmark = pytest.mark.slow

INT, TERM = (signal.SIGINT, 130), (signal.SIGTERM, 143)
CHANCE = random.Random(0)


def newest() -> RunFolder:
    return runs_in(Path("outputs"))[0]


def status_in_mlflow(run_id: str) -> str:
    from mlflow import MlflowClient

    return str(MlflowClient(store()).get_run(run_id).info.status)


@pytest.mark.parametrize("tracker", ["none", "mlflow"])
@pytest.mark.parametrize(("number", "code"), [INT, TERM])
def test_stopped_at_any_time(number: signal.Signals, code: int, tracker: str, names: Path) -> None:
    overrides = tiny(names, *DENSE, "steps=400", f"tracker={tracker}", "dropout=0.3", "resume=auto")
    began = time.monotonic()
    whole = rnnx.train(overrides).folder
    seconds, stops = time.monotonic() - began, 0
    process = start_rnnx("train", *overrides)
    while True:
        assert read_until(process, "run ")
        time.sleep(CHANCE.uniform(0, 0.4 * seconds))
        process.send_signal(number)
        said = wait_for(process, code, 0, -number)  # the run is over before Python is
        folder = newest()
        assert folder.id != whole.id
        if folder.read()["status"] == "FINISHED":
            break
        assert process.returncode == code, said
        stops += 1
        found = folder.read()
        step = checkpoints.read(folder.last).metadata["step"]
        assert (found["status"], found["reason"]) == ("KILLED", f"{number.name} after step {step}")
        if tracker == "mlflow":
            if "rnnx sync" in said:  # a machine so busy that SQLite took its time
                run_rnnx("sync", "last")
            assert_mlflow_holds(folder, client(), "KILLED")
        # A scheduler gives the same command again, a person resumes.
        process = start_rnnx("train", *overrides) if stops % 2 else start_rnnx("resume", "last")
    assert stops
    assert_same_run(folder, whole)
    if tracker == "mlflow":
        assert_mlflow_holds(folder, client())


def client() -> Any:
    from mlflow import MlflowClient

    return MlflowClient(store())


@pytest.mark.parametrize(("number", "code"), [INT, TERM])
def test_a_signal_while_it_starts(number: signal.Signals, code: int, names: Path) -> None:
    for delay in (0.4, 1.0, 1.8, 2.6):
        process = start_rnnx("train", *tiny(names, "steps=100000", "tracker=mlflow"))
        time.sleep(delay)
        process.send_signal(number)
        wait_for(process, code, -number)
        for folder in runs_in(Path("outputs")):
            assert folder.read()["status"] == "KILLED"
            assert status_in_mlflow(folder.id) == "KILLED"


@pytest.mark.parametrize(("number", "code"), [INT, TERM])
def test_a_second_signal_does_not_wait(number: signal.Signals, code: int, names: Path) -> None:
    overrides = tiny(names, *DENSE, "steps=400", "tracker=mlflow")
    whole = rnnx.train(overrides).folder
    process = start_rnnx("train", *overrides)
    assert read_until(process, "run ")
    time.sleep(0.5)
    process.send_signal(number)
    time.sleep(0.02)
    process.send_signal(number)
    wait_for(process, code)
    folder = newest()
    assert folder.read()["status"] == "KILLED"
    run_rnnx("resume", "last")
    assert_same_run(newest(), whole)
    assert_mlflow_holds(folder, client())


def test_two_processes_on_one_run(names: Path) -> None:
    endless = ("steps=100000000", "checkpoint.every=5")
    owner = start_rnnx("train", *tiny(names, *endless))
    assert read_until(owner, "step ")
    run = newest().id
    for command in (["resume", run], ["resume", "last", "steps=9"], ["sync", run]):
        said = run_rnnx(*command, codes=(2,))
        assert f"process {owner.pid} on " in said
        assert said.count("\n") == 1
    # Who only reads need not wait.
    assert len(run_rnnx("sample", run, "--count", "3").splitlines()) >= 3
    assert "held-out" in run_rnnx("evaluate", run)
    assert "RUNNING" in run_rnnx("runs", "tracker=none")
    owner.kill()
    owner.communicate()
    heir = start_rnnx("resume", run)
    assert read_until(heir, "run ")
    assert f"process {heir.pid} on " in run_rnnx("resume", run, codes=(2,))
    heir.terminate()
    wait_for(heir, 143)
    assert json.loads((newest().path / "run.json").read_text())["status"] == "KILLED"


def test_a_reader_of_its_lines_that_goes_away(names: Path) -> None:
    overrides = tiny(names, "steps=3000", "log_every=1", "sample_every=5", "checkpoint.every=50")
    process = start_rnnx("train", *overrides)
    assert read_until(process, "step 1")
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    assert "training goes on" in wait_for(process, 0)
    assert_same_run(newest(), rnnx.train(overrides).folder)


def test_a_text_without_end_says_how_far_it_is_and_stops(names: Path) -> None:
    text = ["dataset=text", f"dataset.path={names}", "dataset.length=8", "sample_length=10000000"]
    rnnx.train([*tiny(names)[:-2], *text, "samples=0"])
    process = start_rnnx("sample", "last", "--count", "1")  # a text has no end symbol
    assert process.stderr is not None
    line = process.stderr.readline()
    assert re.fullmatch(r"rnnx: [\d,]+ symbols so far; Ctrl-C stops\n", line)
    process.send_signal(signal.SIGINT)
    assert "Traceback" not in wait_for(process, 130)
