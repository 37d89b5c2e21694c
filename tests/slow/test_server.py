"""A real `mlflow server` that dies, hangs and comes back: the run continues and loses nothing."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import read_until, run_rnnx, start_rnnx, wait_for
from proxies import Proxy
from run_equality import assert_mlflow_holds, assert_same_run
from servers import Server
from single_sweep import only_sweep, statuses
from tiny import tiny

import rnnx
from rnnx.runs.folder import RunFolder, runs_in
from rnnx.runs.metrics_file import read_history

pytestmark = pytest.mark.slow

PROBE = ["probe=gradient_by_lag", "probes.gradient_by_lag.every=2000"]
ENDLESS = ["steps=10000000", "log_every=20", "sample_every=1000", "eval_every=500", *PROBE]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.kill()


@pytest.fixture
def server(running: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", running.uri)
    return running


def newest() -> RunFolder:
    return runs_in(Path("outputs"))[0]


def until_says(process: subprocess.Popen[str], text: str) -> None:
    """Read warnings until one that says this; lines go on meanwhile."""
    assert process.stderr is not None
    assert any(text in line for line in process.stderr), text


def rate(folder: RunFolder, began: float, end: float) -> float:
    """Steps a second between two times."""
    points = read_history(folder.metrics)["train/loss"]
    steps = [p.step for p in points if began * 1000 <= p.timestamp <= end * 1000]
    return (steps[-1] - steps[0]) / (end - began) if steps else 0.0


def test_killed_and_restarted(server: Server, names: Path) -> None:
    process = start_rnnx("train", *tiny(names, "tracker=mlflow", *ENDLESS))
    assert read_until(process, "step 1")
    times = [time.time()]
    time.sleep(6)
    server.kill()
    times.append(time.time())
    until_says(process, "the tracker does not answer")
    time.sleep(6)
    times.append(time.time())
    server.start()
    until_says(process, "answers again")
    process.send_signal(signal.SIGINT)
    said = wait_for(process, 130)
    assert "sync" not in said
    folder = newest()
    assert_mlflow_holds(folder, server.client(), "KILLED")
    before, during = (rate(folder, *times[i : i + 2]) for i in (0, 1))
    print(f"\nsteps a second before a server was killed {before:.0f}, without it {during:.0f}")


def test_a_run_that_ends_without_its_server(server: Server, names: Path) -> None:
    overrides = tiny(names, "tracker=mlflow", "steps=3000", "sample_every=500", *PROBE)
    process = start_rnnx("train", *overrides)
    assert read_until(process, "step 1")
    server.kill()
    said = wait_for(process, 0)
    folder = newest()
    (line,) = [line for line in said.splitlines() if "rnnx sync" in line]
    assert f"rnnx sync {folder.id[:8]}" in line
    assert folder.read()["status"] == "FINISHED"
    assert "rnnx sync" in run_rnnx("resume", "last", codes=(2,))  # it is finished, but not sent
    assert run_rnnx("sync", "last", codes=(2,)).count("\n") == 1
    server.start()
    assert "has everything" in run_rnnx("sync", "last")
    assert_mlflow_holds(folder, server.client())
    ended_at = server.client().get_run(folder.id).info.end_time / 1000
    assert abs(ended_at - folder.read()["ended"]) < 1


def test_hanging(server: Server, names: Path) -> None:
    process = start_rnnx("train", *tiny(names, "tracker=mlflow", *ENDLESS))
    assert read_until(process, "step 1")
    times = [time.time()]
    time.sleep(6)
    server.send(signal.SIGSTOP)
    times.append(time.time())
    try:
        until_says(process, "the tracker does not answer")
        times.append(time.time())
        process.send_signal(signal.SIGINT)
        told = time.monotonic()
        said = wait_for(process, 130)
        waited = time.monotonic() - told
    finally:
        server.send(signal.SIGCONT)
    folder = newest()
    assert f"rnnx sync {folder.id[:8]}" in said
    before, during = (rate(folder, *times[i : i + 2]) for i in (0, 1))
    print(f"\nsteps a second before a server hung {before:.0f}, while it does {during:.0f}")
    print(f"seconds from Ctrl-C to the end while it hangs {waited:.1f}")
    run_rnnx("sync", "last")
    assert_mlflow_holds(folder, server.client(), "KILLED")


def test_a_second_signal_while_it_hangs(server: Server, names: Path) -> None:
    overrides = tiny(names, "tracker=mlflow", "steps=4000", "log_every=20", "sample_every=500")
    process = start_rnnx("train", *overrides)
    assert read_until(process, "step 1")
    server.send(signal.SIGSTOP)
    try:
        process.terminate()
        time.sleep(0.5)
        process.terminate()
        told = time.monotonic()
        wait_for(process, 143)
        print(f"\nseconds from the second SIGTERM to the end {time.monotonic() - told:.1f}")
    finally:
        server.send(signal.SIGCONT)
    folder = newest()
    assert folder.read()["status"] == "KILLED"
    run_rnnx("resume", "last")
    assert_same_run(folder, rnnx.train([*overrides, "tracker=none"]).folder)
    assert_mlflow_holds(folder, server.client())


def test_gone_on_with_while_the_server_is_away(server: Server, names: Path) -> None:
    overrides = tiny(names, "tracker=mlflow", "steps=3000", "sample_every=500", "resume=auto")
    process = start_rnnx("train", *overrides)
    assert read_until(process, "step 1")
    process.kill()
    process.communicate()
    server.kill()
    said = run_rnnx("train", *overrides)  # by resume=auto
    assert "rnnx sync" in said
    (folder,) = runs_in(Path("outputs"))
    assert_same_run(folder, rnnx.train([*overrides, "tracker=none"]).folder)
    server.start()
    run_rnnx("sync", folder.id)
    assert_mlflow_holds(folder, server.client())


def test_begun_without_its_server(server: Server, names: Path) -> None:
    server.kill()
    said = run_rnnx("train", *tiny(names, "tracker=mlflow"), codes=(2,))
    server.start()
    assert "the store cannot be used" in said
    assert runs_in(Path("outputs")) == []


@pytest.fixture
def proxy(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    made = Proxy(server.uri)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", made.uri)
    yield made
    made.close()


@pytest.mark.parametrize("answer", [b"<html>Log in</html>", b"", b"{}"])
def test_somebody_else_answers(answer: bytes, proxy: Proxy, server: Server, names: Path) -> None:
    proxy.answer, proxy.answer_after = answer, 12
    said = run_rnnx("train", *tiny(names, "tracker=mlflow", "steps=400", "log_every=1"))
    folder = newest()
    assert f"rnnx sync {folder.id[:8]}" in said
    said = run_rnnx("sync", "last", codes=(2,))
    assert "everything" not in said and said.count("\n") == 1
    proxy.answer = None
    assert "sent" in run_rnnx("sync", "last")
    assert_mlflow_holds(folder, server.client())
    assert "has everything already" in run_rnnx("sync", "last")
    assert_mlflow_holds(folder, server.client())


def test_the_answer_to_a_creation_is_lost(proxy: Proxy, server: Server, names: Path) -> None:
    proxy.lost = "runs/create"
    run_rnnx("train", *tiny(names, "tracker=mlflow", "tracker.experiment=lost"))
    client = server.client()
    experiment = client.get_experiment_by_name("lost").experiment_id
    statuses = {run.info.run_id: run.info.status for run in client.search_runs([experiment])}
    assert statuses.pop(newest().id) == "FINISHED"
    assert set(statuses.values()) <= {"KILLED"}


def test_a_sweep_outlives_its_server(server: Server, names: Path) -> None:
    overrides = tiny(names, "tracker=mlflow", "tracker.experiment=away", "jobs=1", "steps=600")
    driver = start_rnnx("train", "-m", *overrides, "seed=0,1,2")
    assert read_until(driver, "job 1 of 3")
    server.kill()
    said = wait_for(driver, 0)
    sweep = only_sweep()
    assert statuses() == ["FINISHED"] * 3
    assert "\tseed=0\tFINISHED\t" in said and f"sweep {sweep.id}: 3 finished" in said
    assert (sweep.path / "comparison.html").is_file()
    server.start()
    run_rnnx("runs", "tracker.experiment=away")
    for folder in runs_in(Path("outputs")):
        assert_mlflow_holds(folder, server.client())
    client = server.client()
    experiment = client.get_experiment_by_name("away").experiment_id
    found = client.search_runs([experiment])
    assert [run.info.status for run in found] == ["FINISHED"] * 4
    parent = sweep.read()["parent"]
    parents = [run.data.tags.get("mlflow.parentRunId") for run in found]
    assert parents.count(parent) == 3
    files = {one.path for one in client.list_artifacts(parent)}
    assert {"ranking.csv", "comparison.html"} <= files
    assert "3 skipped" in run_rnnx("train", "-m", *overrides, "seed=0,1,2")
    assert len(client.search_runs([experiment])) == 4
    assert len(client.get_metric_history(parent, "best/val_loss")) == 1
