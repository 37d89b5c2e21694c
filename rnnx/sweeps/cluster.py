"""Jobs that an engine of Hydra's starts: in processes that are not ours, perhaps on other machines.

Driver and jobs share the sweep's folder and nothing else. The driver writes a beat there while it
drives; a job whose driver beats no more, because it was stopped, killed or has closed the sweep,
ends in order. Where the engine starts a job, a process of ours runs it, so that one that is killed
has somebody left to say so.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from hydra.core.utils import JobReturn, JobStatus

from rnnx.runs.lock import RunLock, is_busy
from rnnx.runs.sweep_folder import JobResult, Sweep
from rnnx.sweeps.launcher import LOOK, Pool, returned, start_server
from rnnx.sweeps.orphans import end_abandoned, run_of, sweep_of, wait_for_orphans
from rnnx.sweeps.ranking import line
from rnnx.sweeps.warmup import NAME as REHEARSAL
from rnnx.sweeps.warmup import keep as keep_rehearsal
from rnnx.system.files import replacing
from rnnx.system.signals import Stop
from rnnx.system.text import cause

EVERY = 2.0  # seconds between two beats of the driver
SILENCE = 60.0  # seconds without one after which the driver counts as dead
QUIET = 60.0  # seconds in which no job works after which those that wait count as lost
PARTING = 5.0  # the same once the sweep was told to stop


class _Place(NamedTuple):
    """The folder of one job in its sweep, locked by the process that the engine has started."""

    path: Path
    id: str

    @classmethod
    def of(cls, sweep: Sweep, job: int) -> _Place:
        return cls(sweep.job_folder(job), str(job))

    @property
    def begun(self) -> Path:
        return self.path / "begun"


def launch(engine: Any, config: Any, jobs: Sequence[Sequence[str]], first: int) -> list[JobReturn]:
    """Let ``engine``, a launcher of Hydra's, run these jobs; an outcome for every one of them."""
    sweep = sweep_of(config.hydra)
    asked = {first + place: list(overrides) for place, overrides in enumerate(jobs)}
    causes: dict[int, str] = {}
    all_ended = True
    with Stop() as stop, _Beat(sweep, stop, asked) as beat:
        if stop.signal:  # in the batch before this one
            return []
        try:
            causes = _causes(engine.launch(jobs, first), first)
        except (SystemExit, KeyboardInterrupt):
            beat.stop()
            all_ended = False
            if hasattr(signal, "alarm"):
                signal.alarm(0)  # an engine's handler of SIGTERM may end us in three seconds
            if not stop.signal:  # the engine has put a handler of its own in the place of ours
                with Stop():
                    signal.raise_signal(signal.SIGTERM)
        except Exception as error:  # whatever an engine raises of a job that it has lost
            if not any(_Place.of(sweep, job).begun.exists() for job in asked):
                raise
            all_ended = False
            causes = dict.fromkeys(asked, f"was not started: {cause(error, 200)}")
            if not stop.signal:
                told = "the launcher has lost a job, the others go on"
                print(f"rnnx: {told} ({cause(error, 200)})", file=sys.stderr)
        if not all_ended:
            _wait(sweep, asked, stop)
        _keep_lost(sweep, config.outputs, asked, causes, stop)
    return [returned(sweep, job, overrides) for job, overrides in asked.items()]


def _causes(results: Sequence[JobReturn], first: int) -> dict[int, str]:
    """Why jobs failed outside of rnnx, as Hydra tells it."""
    failed = {
        first + place: result._return_value
        for place, result in enumerate(results)
        if result.status is JobStatus.FAILED
    }
    return {job: " ".join(str(error).split()) or repr(error) for job, error in failed.items()}


def _wait(sweep: Sweep, jobs: dict[int, list[str]], stop: Stop) -> None:
    """Until every job has an outcome, or for long none has been at work."""
    last, before = time.monotonic(), -1
    while missing := [job for job in jobs if sweep.outcome(job) is None]:
        begun = [place for job in missing if (place := _Place.of(sweep, job)).begun.exists()]
        if any(is_busy(place) for place in begun) or len(missing) != before:
            last, before = time.monotonic(), len(missing)
        if time.monotonic() - last > (PARTING if stop.signal else QUIET):
            return
        time.sleep(LOOK)


def _keep_lost(
    sweep: Sweep, outputs: str, jobs: dict[int, list[str]], causes: dict[int, str], stop: Stop
) -> None:
    """Outcomes for the jobs that could not say a word."""
    for job, overrides in jobs.items():
        if sweep.outcome(job) is not None:
            continue
        if _Place.of(sweep, job).begun.exists():
            end_abandoned(sweep, outputs, job)
            run = run_of(sweep, outputs, job)
            reason = "killed together with the process that watched it"
            sweep.keep(JobResult(job, overrides, "KILLED", reason, run.id if run else ""))
        elif not stop.signal:
            why = causes.get(job, "was not started; the launcher does not say why")
            sweep.keep(JobResult(job, overrides, "FAILED", why))


class _Beat:
    """The driver's sign of life while it is inside; the first signal ends it.

    It also prints the jobs that have ended, since the engine keeps the driver's thread.
    """

    def __init__(self, sweep: Sweep, stop: Stop, jobs: dict[int, list[str]]) -> None:
        self._sweep, self._stop, self._waiting = sweep, stop, list(jobs)
        self._total, self._file = len(jobs), beat_file(sweep)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> _Beat:
        self._write()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        self.stop()
        self._tell()

    def stop(self) -> None:
        """The jobs that run are to end, and no other is to begin."""
        self._file.unlink(missing_ok=True)

    def _run(self) -> None:
        last = time.monotonic()
        while not self._over.wait(LOOK):
            self._tell()
            if self._stop.signal:
                self.stop()
            elif time.monotonic() - last >= EVERY and self._file.exists():
                self._write()
                last = time.monotonic()

    def _write(self) -> None:
        with replacing(self._file) as temporary:
            temporary.write_text(f"{time.time()}\n", "utf-8")

    def _tell(self) -> None:
        for job in list(self._waiting):
            outcome = self._sweep.outcome(job)
            if outcome is not None:
                self._waiting.remove(job)
                print(line(self._sweep, outcome, self._total), flush=True)


def beat_file(sweep: Sweep) -> Path:
    """Where the driver beats."""
    return sweep.path / "driver"


class _Driver:
    """The driver as a job sees it: ``signal`` is SIGTERM once one came or the driver is gone."""

    def __init__(self, sweep: Sweep, stop: Stop) -> None:
        self._file, self._stop = beat_file(sweep), stop
        self._beat, self._heard = "", time.monotonic()

    @property
    def signal(self) -> int:
        return self._stop.signal or (signal.SIGTERM if self._is_gone() else 0)

    def _is_gone(self) -> bool:
        try:
            beat = self._file.read_text("utf-8")
        except FileNotFoundError:
            return True
        except OSError:  # a file server that hiccups; it may answer again
            beat = self._beat
        now = time.monotonic()  # of this machine alone: clocks differ
        if beat != self._beat:
            self._beat, self._heard = beat, now
        return now - self._heard > SILENCE


def is_driver(sweep: Sweep) -> bool:
    """Whether this process is the one that drives the sweep."""
    known = sweep.read()
    return (known.get("host"), known.get("pid")) == (socket.gethostname(), os.getpid())


def work(sweep: Sweep, values: Mapping[str, Any], hydra: Any) -> int:
    """Run a job where an engine has started it, in a process of its own; the exit code.

    RuntimeError where the sweep's folder is not shared with this machine.
    """
    job, overrides, outputs = int(hydra.job.num), list(hydra.overrides.task), values["outputs"]
    known = sweep.read()
    if "cwd" not in known:
        raise RuntimeError(
            f"{sweep.path}: is not there on {socket.gethostname()}; the folder where rnnx is "
            "started and its outputs must be the same on every machine (docs/howto/cluster.md)"
        )
    os.chdir(known["cwd"])
    os.environ.update(known["environment"])
    place = _Place.of(sweep, job)
    place.path.mkdir(exist_ok=True)
    with Stop() as stop, RunLock(place, "job"):
        place.begun.touch()
        sweep.forget(job)
        driver = _Driver(sweep, stop)
        if not driver.signal:  # an engine may start again what it has lost
            wait_for_orphans(sweep, outputs, job)
        keep_rehearsal([values], place.path)  # for all jobs that this process will be given
        start_server(place.path)
        pool = Pool(sweep, outputs, 1, lambda _: values, lambda _: None)
        pool.run(iter([(job, overrides)]), driver)
        (place.path / REHEARSAL).unlink(missing_ok=True)
    outcome = sweep.outcome(job)
    return 0 if outcome is not None and outcome.status in ("FINISHED", "SKIPPED") else 1
