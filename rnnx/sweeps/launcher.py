"""Hydra's launcher for one machine: every job in a process of its own, several at once.

The processes are forked from a server that has imported what they need, so a job begins in a
fraction of a second. A job that is killed does not affect the others.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing import connection
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from rnnx.comparison.page import load_drawing
from rnnx.config.compose import composer
from rnnx.config.overrides import own_overrides, parse_job
from rnnx.runs.sweep_folder import JobResult, Sweep
from rnnx.sweeps.find import run_of, sweep_of
from rnnx.sweeps.job import run_job_process, skip_finished
from rnnx.sweeps.job_configs import job_configs
from rnnx.sweeps.job_lines import JobLines
from rnnx.sweeps.orphans import end_abandoned
from rnnx.sweeps.records import Records
from rnnx.sweeps.warmup import FOLDER_VARIABLE
from rnnx.system.environment import environment
from rnnx.system.signals import Stop
from rnnx.system.text import reason
from rnnx.system.threads import processors
from rnnx.training.head_start import drawing_is_loaded
from rnnx.training.report import console

POLL_INTERVAL = 0.5  # seconds between two looks for a signal


def launch(config: Any, jobs: Sequence[Sequence[str]], first: int) -> Sequence[JobReturn]:
    """Run the jobs of these overrides, numbered from ``first``, to their ends."""
    numbered = [(first + place, list(overrides)) for place, overrides in enumerate(jobs)]
    in_batches = OmegaConf.select(config, "hydra.sweeper.max_batch_size") is not None
    total = 0 if in_batches else len(numbered)
    sweep = stream(config, iter(numbered), lambda _: None, total)
    return [job_return(sweep, job, overrides) for job, overrides in numbered]


def stream(
    config: Any,
    jobs: Iterator[tuple[int, list[str]]],
    ended: Callable[[JobResult], None],
    total: int = 0,
) -> Sweep:
    """Run jobs, each taken when a processor is free for it, and pass its result to ``ended``.

    ``total`` is the number of jobs; 0 if unknown.
    """
    sweep, hydra = sweep_of(config.hydra), parse_job(_hydra_overrides(config.hydra))

    with (
        Stop() as stop,
        composer() as make,
        JobLines(sweep, total, console(soft_wrap=True)) as lines,
        drawing_is_loaded(load=load_drawing),  # the driver waits, and has a page to draw then
    ):

        def print_and_pass_on(result: JobResult) -> None:
            lines.ended(result)
            ended(result)

        at_once = config.jobs or processors()
        values, records = job_configs(make, hydra).values, Records(config.outputs)
        pool = Pool(sweep, config.outputs, at_once, values, print_and_pass_on, records)
        pool.run(jobs, stop, sweep.interrupt)
    return sweep


def _hydra_overrides(hydra: Any) -> list[str]:
    """The overrides of Hydra itself that a job needs: the folders with its recipes."""
    return [o for o in own_overrides(hydra) if o.startswith("hydra.searchpath")]


class Stopping(Protocol):
    """Says when to stop: ``signal`` is the number of a signal, or 0."""

    @property
    def signal(self) -> int: ...


class _Running(NamedTuple):
    """A job that runs."""

    process: Any
    job: int
    overrides: list[str]
    began: float


class Pool:
    """Runs jobs in processes, at most ``at_once`` at a time.

    ``values`` composes the configuration of a job from its overrides: here, because composing is
    faster in a process that has composed before. ``ended`` gets the result of every job. A job
    whose run is among ``records`` and has finished gets no process.
    """

    def __init__(
        self,
        sweep: Sweep,
        outputs: str,
        at_once: int,
        values: Callable[[list[str]], Mapping[str, Any]],
        ended: Callable[[JobResult], None],
        records: Records | None = None,
    ) -> None:
        self._sweep, self._outputs, self._at_once = sweep, outputs, at_once
        self._values, self._ended, self._records = values, ended, records
        self._running: dict[Any, _Running] = {}  # by the sentinel of the process

    def run(
        self,
        jobs: Iterator[tuple[int, list[str]]],
        stop: Stopping,
        announce: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Run all jobs to their ends; after a signal, stop those that run and start no other.

        ``announce`` gets the signal before the jobs do.
        """
        more, told = True, False
        try:
            while self._running or (more and not stop.signal):
                while more and len(self._running) < self._at_once and not stop.signal:
                    job = next(jobs, None)
                    more = job is not None
                    if job is not None:
                        self._start(*job)
                if stop.signal and not told:
                    told = True
                    announce(stop.signal)
                    for running in self._running.values():
                        running.process.terminate()
                working = list(self._running)  # nothing is there to wait for where all had finished
                for sentinel in connection.wait(working, POLL_INTERVAL) if working else ():
                    self._end(self._running.pop(sentinel))
        finally:  # after a second signal or an error of ours, no job works on
            for running in self._running.values():
                running.process.kill()
            for running in self._running.values():
                self._end(running)

    def _start(self, job: int, overrides: list[str]) -> None:
        try:
            values = self._values(overrides)
        except Exception as error:  # Hydra may raise anything; the other jobs still run
            self._sweep.store_traceback(job, error)
            self._sweep.store_result(JobResult(job, overrides, "FAILED", reason(error)))
            self._pass_on(job)
            return
        if self._records and skip_finished(values, overrides, job, self._sweep, self._records):
            self._pass_on(job)
            return
        self._sweep.forget(job)  # an earlier command may have skipped it
        start_server(self._sweep.path)  # where it is not up yet, or was killed
        context: Any = multiprocessing.get_context("forkserver")
        # The driver has read the other runs: a job would read all of them again.
        alike = [str(run.path) for run in self._records.of_now(values)] if self._records else None
        arguments = (values, overrides, job, str(self._sweep.path), alike)
        process = context.Process(target=run_job_process, args=arguments)
        process.start()
        self._running[process.sentinel] = _Running(process, job, overrides, time.time())

    def _end(self, running: _Running) -> None:
        process, job, overrides, began = running
        process.join()
        if self._sweep.result(job, keep=False) is None:  # the process was killed
            status, why = _explain(process.exitcode)
            end_abandoned(self._sweep, self._outputs, job)
            run = run_of(self._sweep, self._outputs, job)
            run_id, seconds = run.id if run else "", time.time() - began
            self._sweep.store_result(
                JobResult(job, overrides, status, why, run_id, seconds=seconds)
            )
        self._pass_on(job)

    def _pass_on(self, job: int) -> None:
        result = self._sweep.result(job, keep=False)  # or memory would grow with the jobs
        assert result is not None
        self._ended(result)


def _explain(code: int) -> tuple[str, str]:
    """Status and cause of a job whose process ended with this exit code and without a result."""
    if code >= 0:
        return "FAILED", f"its process ended with exit code {code}"
    perhaps = " (out of memory, perhaps)" if code == -signal.SIGKILL else ""
    return "KILLED", f"killed by {signal.Signals(-code).name}{perhaps}"


def job_return(sweep: Sweep, job: int, overrides: Sequence[str]) -> JobReturn:
    """The result of a job as Hydra takes it: the best of what it monitored, if it succeeded."""
    result = sweep.result(job)
    returned = JobReturn(overrides=list(overrides), status=JobStatus.COMPLETED)
    returned.return_value = result.best if result and result.succeeded else None
    return returned


def start_server(folder: Path) -> None:
    """Start the server that forks jobs, if it is not up; it warms up for the jobs of ``folder``."""
    context: Any = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["rnnx.sweeps.job_server"])
    from multiprocessing import forkserver

    values = {
        "OPENBLAS_NUM_THREADS": "1",  # a fork copies no threads, so the server's BLAS starts none
        "PYTHONSAFEPATH": "1",  # it imports nothing from the working folder
        FOLDER_VARIABLE: str(folder.resolve()),
    }
    with environment(values):
        forkserver.ensure_running()
