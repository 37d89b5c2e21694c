"""Sweeps whose jobs other engines start: submitit's processes, a Slurm, a Ray of two nodes."""

from __future__ import annotations

import importlib.util
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from processes import eventually, run_rnnx, start_rnnx, wait_for
from servers import Server
from single_sweep import only_sweep, results, statuses
from slurm import Slurm, missing
from sweep_state import (
    LONG,
    assert_killed_with_checkpoint,
    children,
    interrupted,
    parent,
    pid_of,
    working,
)
from tiny import tiny

from rnnx.runs import checkpoint as checkpoints

pytestmark = pytest.mark.slow

DIVERGING = "optimizer.learning_rate=0.01,1e38"  # the second one's loss is not finite
SUBMITIT = ["hydra/launcher=submitit_local"]
# A cluster that runs already has its own object store, and the launcher would size it.
RAY = ["hydra/launcher=ray", "+hydra.launcher.ray.init.object_store_memory=null"]
SLURM = ["hydra/launcher=submitit_slurm"]
OWN_MACHINE = {"submitit": SUBMITIT, "processes": ["jobs=2"]}  # no cluster is needed
NO_RAY = "ray is not installed (the extra rnnx[ray], 300 MB)"


def skip_or_fail(message: str) -> NoReturn:
    """Skip a test whose server is not installed; on CI everything is."""
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="module")
def nodes() -> Iterator[str]:
    """The address of a Ray cluster of two nodes with one worker each."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip(NO_RAY)
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
    yield made.address
    made.shutdown()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Slurm]:
    """A Slurm of one node with two CPUs, whose sockets want a short path."""
    if why := missing():
        skip_or_fail(why)
    with tempfile.TemporaryDirectory() as folder, Slurm(Path(folder)) as running:
        yield running


@pytest.fixture
def slurm(cluster: Slurm, monkeypatch: pytest.MonkeyPatch) -> Slurm:
    """The same, found by what a test starts; its queue is empty."""
    eventually(lambda: not cluster.queue, 60)
    monkeypatch.setenv("SLURM_CONF", str(cluster.config))
    return cluster


@pytest.fixture(params=["submitit", "ray"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The overrides that choose a launcher."""
    if request.param in OWN_MACHINE:
        return OWN_MACHINE[request.param]
    if request.param == "slurm":
        request.getfixturevalue("slurm")
        return SLURM
    monkeypatch.setenv("RAY_ADDRESS", request.getfixturevalue("nodes"))
    return RAY


# Slurm and submitit take seconds for each job: with Slurm run the tests of what it does itself.
everywhere = pytest.mark.parametrize("engine", ["submitit", "slurm", "ray"], indirect=True)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The uri of a PostgreSQL on loopback, which refuses to be root's."""
    found = [*Path("/usr/lib/postgresql").glob("*/bin/initdb"), shutil.which("initdb")]
    program = next((Path(path).resolve() for path in found if path), None)
    if program is None:
        skip_or_fail("PostgreSQL is not installed (Debian's package postgresql)")
    user = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    as_user = {"user": user.pw_uid, "group": user.pw_gid} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        os.chown(folder, user.pw_uid, user.pw_gid)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        data = ["-D", f"{folder}/data"]
        init = [program, *data, "-U", "rnnx", "--auth=trust", "--no-sync"]
        subprocess.run(init, check=True, stdout=subprocess.DEVNULL, cwd=folder, **as_user)
        free.close()
        own = ["-h", "127.0.0.1", "-p", str(port), "-k", folder, "-c", "fsync=off"]
        command = [program.with_name("postgres"), *data, *own]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=folder, **as_user)
        eventually((Path(folder) / f".s.PGSQL.{port}").exists, 60)
        yield f"postgresql+psycopg://rnnx@127.0.0.1:{port}/postgres"
        process.send_signal(signal.SIGINT)
        process.wait()


@pytest.fixture(scope="module")
def server(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`mlflow server` on PostgreSQL."""
    running = Server(tmp_path_factory.mktemp("server"), postgres)
    yield running
    running.kill()


def test_each_failure_costs_its_own_job(names: Path, engine: list[str]) -> None:
    overrides = [*tiny(names, *LONG, "tracker=mlflow"), *engine, "steps=2000"]
    swept = [DIVERGING, "seed=0,1"]
    driver = start_rnnx("train", "-m", *overrides, *swept)
    victim = working(2)[0]
    os.kill(pid_of(victim), signal.SIGKILL)
    said = wait_for(driver, 1)
    assert sorted(statuses()) == ["FAILED", "FAILED", "FINISHED", "KILLED"]
    assert "1 finished, 2 failed, 1 killed" in said
    assert "killed by SIGKILL (out of memory, perhaps)" in said
    assert_killed_with_checkpoint(victim)
    assert parent().info.status == "FAILED"
    found = {run.info.run_id: run for run in children()}
    assert set(found) == {result.run_id for result in results()}
    for result in results():
        tags = found[result.run_id].data.tags
        swept_here = dict(pair.split("=") for pair in result.overrides)
        assert (tags["sweep.id"], tags["sweep.seed"]) == (only_sweep().id, swept_here["seed"])
        assert found[result.run_id].info.status == result.status
        if result.status == "FAILED":
            assert "Traceback" in only_sweep().log_file(result.job).read_text()

    run_rnnx("train", "-m", *overrides, *swept, codes=(1,))
    assert sorted(statuses()) == ["FAILED", "FAILED", "FINISHED", "SKIPPED"]
    assert children_by_status() == {"FAILED": 2, "FINISHED": 2}


@pytest.mark.parametrize("engine", ["processes", "submitit", "ray"], indirect=True)
def test_worse_jobs_end_early(names: Path, engine: list[str]) -> None:
    rates = "optimizer.learning_rate=0.01,0.02,1e-07,1e-08"
    asha = ["hydra.sweeper.pruner=asha", "hydra.sweeper.factor=2"]
    run_rnnx("train", "-m", *tiny(names), *engine, rates, *asha, "eval_every=2")
    assert statuses() == ["FINISHED"] * 4
    assert len(list((only_sweep().path / "rungs" / "2").glob("*.json"))) == 4
    for result in results():
        run = json.loads(Path(f"outputs/{result.run_id}/run.json").read_text())
        assert run["pruned"] == (run["steps"] < 12) == result.reason.startswith("pruned")


def test_the_engines_own_process_is_killed(names: Path) -> None:
    overrides = [*tiny(names, *LONG, "tracker=mlflow"), *SUBMITIT, "steps=2000", "seed=0,1"]
    driver = start_rnnx("train", "-m", *overrides)
    working(2)
    owner = json.loads((only_sweep().path / "jobs" / "0" / ".owner").read_text())
    os.kill(owner["pid"], signal.SIGKILL)
    said = wait_for(driver, 1)
    assert statuses() == ["KILLED", "FINISHED"]
    assert "the launcher has lost a job, the others go on" in said
    run_rnnx("train", "-m", *overrides)
    assert statuses() == ["FINISHED", "SKIPPED"]


def children_by_status() -> Counter[str]:
    return Counter(run.info.status for run in children())


@everywhere
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_to_the_driver(
    number: signal.Signals, code: int, names: Path, engine: list[str]
) -> None:
    overrides = [*tiny(names, *LONG, "tracker=mlflow"), *engine, "seed=0,1"]
    driver = start_rnnx("train", "-m", *overrides)
    two = working(2)
    os.kill(driver.pid, number)
    wait_for(driver, code)
    assert statuses() == ["KILLED", "KILLED"]
    for folder in two:
        assert_killed_with_checkpoint(folder)
        assert folder.read()["reason"].startswith(f"{interrupted(number)} after step ")
    assert [result.reason for result in results()] == [interrupted(number)] * 2
    assert parent().info.status == "KILLED"


def test_scancel_costs_its_own_job(names: Path, slurm: Slurm) -> None:
    overrides = [*tiny(names, *LONG, "tracker=mlflow"), *SLURM, "steps=2000"]
    driver = start_rnnx("train", "-m", *overrides, DIVERGING, "seed=0,1")
    victim = working(2)[0]
    job = victim.read()["job"]
    (cancelled,) = [one for one in slurm.queue if one.endswith(f"_{job}")]
    slurm.cancel([cancelled])
    said = wait_for(driver, 1)
    assert "1 finished, 2 failed, 1 killed" in said
    assert results()[job].reason == "stopped by SIGTERM"  # no other job was meant
    assert_killed_with_checkpoint(victim)
    assert victim.read()["reason"].startswith("SIGTERM after step ")
    assert [result.status for result in results()[2:]] == ["FAILED"] * 2
    assert "the loss is" in results()[2].reason
    assert slurm.queue == []

    stopped = checkpoints.read(victim.last).metadata["step"]
    run_rnnx("train", "-m", *overrides, DIVERGING, "seed=0,1", codes=(1,))
    assert sorted(statuses()) == ["FAILED", "FAILED", "FINISHED", "SKIPPED"]
    assert results()[job].run_id == victim.id
    assert f"goes on after step {stopped}" in only_sweep().log_file(job).read_text()
    assert children_by_status() == {"FAILED": 2, "FINISHED": 2}


def test_a_launcher_that_cannot_start_anything(
    names: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slurm = ["hydra/launcher=submitit_slurm", "seed=0,1"]
    monkeypatch.setenv("PATH", "/nowhere")  # there is no srun
    said = run_rnnx("train", "-m", *tiny(names), *slurm, codes=(2,))
    assert "slurm" in said and "Traceback" not in said


def test_many_jobs(
    names: Path, engine: list[str], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    few = ["tracker=mlflow", "steps=4", "hydra.sweeper.max_batch_size=8"]
    run_rnnx("train", "-m", *tiny(names, *few), *engine, "seed=range(0,24)")
    assert statuses() == ["FINISHED"] * 24
    assert len(children()) == 24
    assert {run.info.status for run in children()} == {parent().info.status} == {"FINISHED"}
    assert parent().data.tags["sweep.finished"] == "24"
