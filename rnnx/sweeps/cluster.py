"""Jobs that another launcher of Hydra's starts (Slurm's, Ray's), perhaps on other machines.

The driver and the jobs share the sweep's folder and nothing else. The driver renews a heartbeat
file there. When the heartbeat ends, because the driver was stopped, was killed or has closed the
sweep, the jobs write a checkpoint and end. The launcher starts a watcher for each job; the watcher
runs the job in a process of its own, and stores a result if the job is killed.
"""

from __future__ import annotations

import io
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any, NamedTuple

from hydra.core.utils import JobReturn, JobStatus

from rnnx.config.components import component_from
from rnnx.config.overrides import task_overrides
from rnnx.contracts.trackers import Tracker
from rnnx.runs.lock import RunLock, is_busy
from rnnx.runs.sweep_folder import JobResult, Sweep
from rnnx.sweeps.find import environment_names, run_of, sweep_of
from rnnx.sweeps.heartbeat import DriverWatch, Heartbeat
from rnnx.sweeps.launcher import POLL_INTERVAL, Pool, job_return, start_server
from rnnx.sweeps.orphans import end_abandoned, wait_for_orphans
from rnnx.sweeps.warmup import CONFIGS, write_configs
from rnnx.system.secrets import without_password
from rnnx.system.signals import Stop
from rnnx.system.text import cause, printable

LOST_TIMEOUT = 60.0  # seconds without a job at work after which those without a result are lost
STOP_TIMEOUT = 5.0  # the same after a signal


class _JobFolder(NamedTuple):
    """A job's own folder; the job's watcher locks it."""

    path: Path
    id: str

    @classmethod
    def of(cls, sweep: Sweep, job: int) -> _JobFolder:
        return cls(sweep.job_folder(job), str(job))

    @property
    def begun(self) -> Path:
        """A file that is there once the job has begun."""
        return self.path / "begun"


def launch(
    launcher: Any, config: Any, jobs: Sequence[Sequence[str]], first: int
) -> list[JobReturn]:
    """Let ``launcher`` run the jobs of these overrides, numbered from ``first``, to their ends.

    Every job has a result afterwards, whatever the launcher did.
    """
    sweep = sweep_of(config.hydra)
    numbered = {first + place: list(overrides) for place, overrides in enumerate(jobs)}
    with Stop() as stop, Heartbeat(sweep, stop, numbered) as heartbeat:
        if stop.signal:  # it came during the batch before
            return []
        causes: dict[int, str] = {}
        try:
            causes = _causes(launcher.launch(jobs, first), first)
        except (SystemExit, KeyboardInterrupt):
            _take_signal_back(stop)
            heartbeat.stop()
            _wait(sweep, numbered, stop)
        except Exception as error:  # a launcher raises anything where it has lost a job
            if not any(_JobFolder.of(sweep, job).begun.exists() for job in numbered):
                raise
            causes = dict.fromkeys(numbered, f"was not started: {cause(error, 200)}")
            if not stop.signal:
                lost = "the launcher has lost a job, the others go on"
                print(f"rnnx: {lost} ({printable(cause(error, 200))})", file=sys.stderr)
            _wait(sweep, numbered, stop)
        _store_lost(sweep, config.outputs, numbered, causes, stop)
    return [job_return(sweep, job, overrides) for job, overrides in numbered.items()]


def _causes(returns: Sequence[JobReturn], first: int) -> dict[int, str]:
    """Why jobs failed outside of rnnx, as Hydra tells it."""
    causes: dict[int, str] = {}
    for job, returned in enumerate(returns, first):
        if returned.status is JobStatus.FAILED:
            error = _error_of(returned)
            causes[job] = " ".join(str(error).split()) or repr(error)
    return causes


def _error_of(failed: JobReturn) -> Exception | None:
    """What a job raised: Hydra hands it out by raising it, and prints the job's overrides."""
    with redirect_stderr(io.StringIO()):
        try:
            _ = failed.return_value
        except Exception as error:
            return error
    return None


def _take_signal_back(stop: Stop) -> None:
    """Note the signal whose handler the launcher has replaced by one that raises.

    Ray's handler of SIGTERM also sets an alarm that aborts the process after three seconds, which
    are too few for the jobs to end (ray-project/ray#64830).
    """
    if hasattr(signal, "alarm"):
        signal.alarm(0)
    if not stop.signal:
        with Stop():
            signal.raise_signal(signal.SIGTERM)


def _wait(sweep: Sweep, jobs: Mapping[int, list[str]], stop: Stop) -> None:
    """Wait until every job has a result, or no job has worked for LOST_TIMEOUT."""
    last_work, count = time.monotonic(), -1
    while missing := [job for job in jobs if sweep.result(job) is None]:
        folders = [_JobFolder.of(sweep, job) for job in missing]
        working = any(folder.begun.exists() and is_busy(folder) for folder in folders)
        if working or len(missing) != count:
            last_work, count = time.monotonic(), len(missing)
        if time.monotonic() - last_work > (STOP_TIMEOUT if stop.signal else LOST_TIMEOUT):
            return
        time.sleep(POLL_INTERVAL)


def _store_lost(
    sweep: Sweep,
    outputs: str,
    jobs: Mapping[int, list[str]],
    causes: Mapping[int, str],
    stop: Stop,
) -> None:
    """Store results for the jobs that have none."""
    for job, overrides in jobs.items():
        if sweep.result(job) is not None:
            continue
        if _JobFolder.of(sweep, job).begun.exists():
            end_abandoned(sweep, outputs, job)
            run = run_of(sweep, outputs, job)
            reason = "killed together with the process that watched it"
            sweep.store_result(JobResult(job, overrides, "KILLED", reason, run.id if run else ""))
        elif not stop.signal:
            why = causes.get(job, "was not started; the launcher does not say why")
            sweep.store_result(JobResult(job, overrides, "FAILED", why))


def is_driver(sweep: Sweep) -> bool:
    """Whether this process drives the sweep."""
    known = sweep.read()
    return (known.get("host"), known.get("pid")) == (socket.gethostname(), os.getpid())


def watch_job(sweep: Sweep, values: Mapping[str, Any], hydra: Any) -> int:
    """Run the job that a launcher has started, in a process of its own; the exit code.

    RuntimeError where the sweep's folder is not shared with this machine.
    """
    job, overrides, outputs = int(hydra.job.num), task_overrides(hydra), values["outputs"]
    _enter_driver_folder(sweep, component_from("tracker", values["tracker"]))
    folder = _JobFolder.of(sweep, job)
    folder.path.mkdir(exist_ok=True)
    with Stop() as stop, RunLock(folder, "job"):
        folder.begun.touch()
        sweep.forget(job)
        driver = DriverWatch(sweep, stop)
        if not driver.signal:  # a launcher may start a job again that it has lost
            wait_for_orphans(sweep, outputs, job)
        write_configs([values], folder.path)  # this process may be given more jobs: warm up once
        start_server(folder.path)
        pool = Pool(sweep, outputs, 1, lambda _: values, lambda _: None)
        pool.run(iter([(job, overrides)]), driver)
        (folder.path / CONFIGS).unlink(missing_ok=True)
    result = sweep.result(job)
    return 0 if result is not None and result.succeeded else 1


def _enter_driver_folder(sweep: Sweep, tracker: Tracker) -> None:
    """Take over the driver's working folder and environment."""
    known = sweep.read()
    if "cwd" not in known:
        raise RuntimeError(
            f"{sweep.path}: is not there on {socket.gethostname()}; the folder where rnnx is "
            "started and its outputs must be the same on every machine (docs/howto/cluster.md)"
        )
    os.chdir(known["cwd"])
    sent = known.get("environment")
    for name in environment_names(tracker):
        value = sent.get(name) if isinstance(sent, dict) else None
        own = without_password(os.environ.get(name, ""))
        if isinstance(value, str) and own != value:  # else this machine's has the password
            os.environ[name] = value
