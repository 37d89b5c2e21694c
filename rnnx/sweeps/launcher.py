"""Hydra's launcher for one machine: a process a job, several at once, each for itself.

The processes are forked from a server that has imported what they need, so a job begins in a
fraction of a second; one that is killed costs itself alone.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing import connection
from pathlib import Path
from typing import Any, Protocol

from hydra.core.utils import JobReturn, JobStatus

from rnnx.config.compose import composer
from rnnx.config.overrides import parse
from rnnx.config.plain import plain
from rnnx.runs.sweep_folder import Outcome, Sweep
from rnnx.sweeps.job import child
from rnnx.sweeps.orphans import end_abandoned, run_of, sweep_of
from rnnx.sweeps.ranking import line
from rnnx.sweeps.warmup import VARIABLE
from rnnx.system.environment import environment
from rnnx.system.signals import Stop
from rnnx.system.text import reason
from rnnx.system.threads import processors

LOOK = 0.5  # seconds between two looks at whether a signal has come


def launch(config: Any, jobs: Sequence[Sequence[str]], first: int) -> Sequence[JobReturn]:
    """Run the jobs of these overrides, numbered from ``first``, to their ends."""
    numbered = [(first + place, list(overrides)) for place, overrides in enumerate(jobs)]
    sweep = stream(config, iter(numbered), lambda _: None, len(numbered))
    return [returned(sweep, job, overrides) for job, overrides in numbered]


def stream(
    config: Any,
    jobs: Iterator[tuple[int, list[str]]],
    ended: Callable[[Outcome], None],
    total: int = 0,
) -> Sweep:
    """Run jobs, each taken when there is room for it, and tell what came of each.

    ``total`` is how many there will be; 0: nobody knows.
    """
    sweep, said = sweep_of(config.hydra), parse(_said_of_hydra(config.hydra))

    def tell(outcome: Outcome) -> None:
        print(line(sweep, outcome, total), flush=True)
        ended(outcome)

    with Stop() as stop, composer() as make:

        def values(overrides: list[str]) -> Mapping[str, Any]:
            return plain(make(said + parse(overrides)))  # the job checks them

        Pool(sweep, config.outputs, config.jobs or processors(), values, tell).run(jobs, stop)
    return sweep


def _said_of_hydra(hydra: Any) -> list[str]:
    """What the user said of Hydra itself and a job needs: a folder of configurations, say."""
    return [o for o in hydra.overrides.hydra if o.startswith("hydra.searchpath")]


class Stopping(Protocol):
    """Says when to stop: a signal's number, or 0."""

    @property
    def signal(self) -> int: ...


class Pool:
    """The jobs that run and those that wait.

    ``values`` makes a job's configuration of its overrides: here, since a process that has made
    one makes the next faster. ``tell`` hears of each job that has ended.
    """

    def __init__(
        self,
        sweep: Sweep,
        outputs: str,
        at_once: int,
        values: Callable[[list[str]], Mapping[str, Any]],
        tell: Callable[[Outcome], None],
    ) -> None:
        self._sweep, self._outputs, self._at_once = sweep, outputs, at_once
        self._values, self._tell = values, tell
        self._running: dict[Any, tuple[Any, int, list[str], float]] = {}

    def run(self, jobs: Iterator[tuple[int, list[str]]], stop: Stopping) -> None:
        """All jobs to their ends; after a signal, those that run to an orderly stop."""
        context: Any = multiprocessing.get_context("forkserver")
        start_server(self._sweep.path)  # it runs, unless it was killed or Hydra came alone
        more, told = True, False
        try:
            while self._running or (more and not stop.signal):
                while more and len(self._running) < self._at_once and not stop.signal:
                    job = next(jobs, None)
                    more = job is not None
                    if job is not None:
                        self._start(context, *job)
                if stop.signal and not told:
                    told = True
                    for process, *_ in self._running.values():
                        process.terminate()
                for sentinel in connection.wait(list(self._running), LOOK):
                    self._ended(*self._running.pop(sentinel))
        finally:  # a second signal, or a fault of ours: nobody works on alone
            for process, *_ in self._running.values():
                process.kill()
            for entry in self._running.values():
                self._ended(*entry)

    def _start(self, context: Any, job: int, overrides: list[str]) -> None:
        try:
            values = self._values(overrides)
        except Exception as error:  # whatever Hydra raises of one job is not the others' trouble
            self._sweep.keep_traceback(job, error)
            self._sweep.keep(Outcome(job, overrides, "FAILED", reason(error)))
            self._tell_of(job)
            return
        about = (values, overrides, job, str(self._sweep.path))
        process = context.Process(target=child, args=about)
        process.start()
        self._running[process.sentinel] = (process, job, overrides, time.time())

    def _ended(self, process: Any, job: int, overrides: list[str], began: float) -> None:
        process.join()
        if self._sweep.outcome(job) is None:  # it could not say a word
            status, why = _in_words(process.exitcode)
            end_abandoned(self._sweep, self._outputs, job)
            run = run_of(self._sweep, self._outputs, job)
            run_id, seconds = run.id if run else "", time.time() - began
            self._sweep.keep(Outcome(job, overrides, status, why, run_id, seconds=seconds))
        self._tell_of(job)

    def _tell_of(self, job: int) -> None:
        outcome = self._sweep.outcome(job)
        assert outcome is not None
        self._tell(outcome)


def _in_words(code: int) -> tuple[str, str]:
    """Status and cause of a job whose process ended without a word."""
    if code >= 0:
        return "FAILED", f"its process ended with exit code {code}"
    perhaps = " (out of memory, perhaps)" if code == -signal.SIGKILL else ""
    return "KILLED", f"killed by {signal.Signals(-code).name}{perhaps}"


def returned(sweep: Sweep, job: int, overrides: Sequence[str]) -> JobReturn:
    """What Hydra is told of a job: its best held-out loss, where it has finished."""
    outcome = sweep.outcome(job)
    done = outcome is not None and outcome.status in ("FINISHED", "SKIPPED")
    found = JobReturn(overrides=list(overrides), status=JobStatus.COMPLETED)
    found.return_value = outcome.best_val_loss if outcome and done else None
    return found


def start_server(folder: Path) -> None:
    """Begin with the server that forks jobs; it warms up, with what ``folder`` keeps, meanwhile."""
    context: Any = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["rnnx.sweeps.job_server"])
    from multiprocessing import forkserver

    # One BLAS thread: a fork copies no threads.
    with environment({"OPENBLAS_NUM_THREADS": "1", VARIABLE: str(folder.resolve())}):
        forkserver.ensure_running()
