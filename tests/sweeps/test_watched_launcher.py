"""Jobs that another launcher starts: what each comes to, and the driver's heartbeat."""

import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig, OmegaConf

from rnnx.runs.sweep_folder import JobResult, Sweep
from rnnx.sweeps import cluster, heartbeat
from rnnx.sweeps.cluster import launch
from rnnx.sweeps.heartbeat import DriverWatch, Heartbeat, heartbeat_file
from rnnx.system.signals import Stop

JOBS = [["seed=0"], ["seed=1"]]


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    return Sweep.open(str(tmp_path / "outputs"), ["seed=0,1"], ["seed"], anew=False)


@pytest.fixture
def config(sweep: Sweep, tmp_path: Path) -> DictConfig:
    hydra = {"sweep": {"dir": f"{sweep.path}/hydra"}}
    return OmegaConf.create({"outputs": str(tmp_path / "outputs"), "hydra": hydra})


class Launcher:
    """A launcher that does what a test says."""

    def __init__(self, act: Callable[[], list[JobReturn]]) -> None:
        self.act = act

    def launch(self, jobs: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
        assert (jobs, first) == (JOBS, 0)
        return self.act()


def returned(status: JobStatus, value: Any = None) -> JobReturn:
    made = JobReturn(status=status)
    made.return_value = value
    return made


def begin(sweep: Sweep, job: int) -> None:
    """What a job's watcher does first."""
    sweep.job_folder(job).mkdir()
    (sweep.job_folder(job) / "begun").touch()


def results(sweep: Sweep) -> list[tuple[str, str]]:
    return [(result.status, result.reason) for result in sweep.results()]


def test_jobs_that_the_launcher_could_not_run_have_failed(
    sweep: Sweep, config: DictConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    failed = returned(JobStatus.FAILED, OSError("no\nmemory"))
    silent = returned(JobStatus.COMPLETED)
    made = launch(Launcher(lambda: [failed, silent]), config, JOBS, 0)
    why = "was not started; the launcher does not say why"
    assert results(sweep) == [("FAILED", "no memory"), ("FAILED", why)]
    assert [one.return_value for one in made] == [None, None]
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.startswith("job 1 of 2 · seed=0 · FAILED · 0.0 s · no memory\njob 2 of 2 ·")


def test_hydra_gets_the_loss_of_a_job_that_finished(sweep: Sweep, config: DictConfig) -> None:
    def act() -> list[JobReturn]:
        assert heartbeat_file(sweep).is_file()
        sweep.store_result(JobResult(0, JOBS[0], "FINISHED", best_val_loss=2.0))
        sweep.store_result(JobResult(1, JOBS[1], "KILLED", best_val_loss=1.0))
        return [returned(JobStatus.COMPLETED)] * 2

    made = launch(Launcher(act), config, JOBS, 0)
    assert [one.return_value for one in made] == [2.0, None]
    assert not heartbeat_file(sweep).exists()


def test_a_launcher_that_starts_nothing_raises(sweep: Sweep, config: DictConfig) -> None:
    def act() -> list[JobReturn]:
        raise RuntimeError("there is no Slurm")

    with pytest.raises(RuntimeError, match="there is no Slurm"):
        launch(Launcher(act), config, JOBS, 0)
    assert results(sweep) == []


def test_a_launcher_that_loses_a_job_leaves_the_others_their_results(
    sweep: Sweep,
    config: DictConfig,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def act() -> list[JobReturn]:
        begin(sweep, 0)
        sweep.store_result(JobResult(1, JOBS[1], "FINISHED"))
        raise RuntimeError("node 7 is gone")

    monkeypatch.setattr(cluster, "LOST_TIMEOUT", 0.0)
    launch(Launcher(act), config, JOBS, 0)
    why = "killed together with the process that watched it"
    assert results(sweep) == [("KILLED", why), ("FINISHED", "")]
    assert "lost a job, the others go on (node 7 is gone)" in capsys.readouterr().err


def test_a_signal_that_the_launcher_takes_is_taken_back(
    sweep: Sweep, config: DictConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(number: int, frame: FrameType | None) -> None:
        signal.alarm(3)
        raise SystemExit(number)

    def act() -> list[JobReturn]:
        begin(sweep, 0)
        signal.signal(signal.SIGTERM, leave)
        signal.raise_signal(signal.SIGTERM)
        raise AssertionError("the handler raises")

    monkeypatch.setattr(cluster, "STOP_TIMEOUT", 0.0)
    with Stop() as stop:
        launch(Launcher(act), config, JOBS, 0)
        assert stop.signal == signal.SIGTERM
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    (result,) = sweep.results()  # none for the job that had not begun: it runs another time
    assert (result.job, result.status) == (0, "KILLED")


def test_the_heartbeat_is_renewed_until_a_signal_comes(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "POLL_INTERVAL", 0.01)
    monkeypatch.setattr(heartbeat, "HEARTBEAT_INTERVAL", 0.0)
    file = heartbeat_file(sweep)

    def comes(condition: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + 30
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.01)
        return condition()

    with Stop() as stop, Heartbeat(sweep, stop, [0, 1]):
        first = file.read_text("utf-8")
        assert comes(lambda: file.read_text("utf-8") != first)
        stop.signal = signal.SIGTERM
        assert comes(lambda: not file.exists())


def test_a_job_stops_when_its_driver_is_silent_or_gone(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = heartbeat_file(sweep)
    with Stop() as stop:
        driver = DriverWatch(sweep, stop)
        assert driver.signal == signal.SIGTERM  # the sweep is closed
        file.write_text("1\n", "utf-8")
        assert driver.signal == 0
        monkeypatch.setattr(heartbeat, "HEARTBEAT_TIMEOUT", 0.0)
        assert driver.signal == signal.SIGTERM
        file.write_text("2\n", "utf-8")
        assert driver.signal == 0
        monkeypatch.setattr(heartbeat, "HEARTBEAT_TIMEOUT", 60.0)
        file.unlink()
        file.mkdir()  # an error of the file server says nothing of the driver
        assert driver.signal == 0
        stop.signal = signal.SIGINT
        assert driver.signal == signal.SIGINT
