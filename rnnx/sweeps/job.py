"""One job of a sweep: a run whose result is stored, however it ends."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import Any

from rnnx.config.components import component_from, settings_from
from rnnx.config.identity import flat_params
from rnnx.config.overrides import shown
from rnnx.config.settings import Rerun
from rnnx.data.corpus import Corpus
from rnnx.errors import RunBusy, StoreError
from rnnx.runs.folder import RunFolder
from rnnx.runs.lock import is_busy
from rnnx.runs.runs_cache import is_whole
from rnnx.runs.sweep_folder import FINISHED_BEFORE, NOT_ASKED, PARENT_TAG, JobResult, Sweep
from rnnx.sweeps.children import show_below
from rnnx.sweeps.find import run_of
from rnnx.sweeps.records import Records
from rnnx.sweeps.study import PRUNED, pruning_rule
from rnnx.system.secrets import name_servers
from rnnx.system.signals import STOPPING, Stop
from rnnx.system.text import cause, reason, replace_unprintable, storable
from rnnx.training.earlier_runs import earlier_runs
from rnnx.training.report import Lines, console
from rnnx.training.resume import resume
from rnnx.training.run import Run, train
from rnnx.training.sizing import solved_size

POLL_INTERVAL = 0.5  # seconds between two looks whether another sweep's job has ended


def run_job(
    values: Mapping[str, Any],
    overrides: Sequence[str],
    job: int,
    sweep: Sweep,
    alike: Sequence[RunFolder] | None = None,
    on_behalf: Callable[[], str] | None = None,
) -> int:
    """Run one configuration of a sweep and store its result; the exit code.

    ``values`` are not checked yet: wrong ones are a job that failed. ``alike`` are the runs of this
    configuration where somebody has just looked, the newest first. ``on_behalf``: see
    :class:`rnnx.system.signals.Stop`.
    """
    began = time.time()
    name_servers(values["tracker"])  # by the command of the sweep
    with Stop(on_behalf=on_behalf) as stop:
        if stop.signal:  # it came during the job before, in this process
            return 128 + stop.signal
        result = _Job(values, list(overrides), job, sweep, alike).run(stop)
        size = solved_size(values)
        sweep.store_result(result._replace(seconds=time.time() - began, hidden_size=size))
        return 0 if result.succeeded else 1


def skip_finished(
    values: Mapping[str, Any], overrides: Sequence[str], job: int, sweep: Sweep, records: Records
) -> bool:
    """Store the result of a job whose run has finished before; False where it has to be looked at.

    The driver does this: a process a job would take longer than the jobs that are left.
    """
    result = repeated(values, overrides, job, sweep, records)
    if result is None:
        return False
    before = sweep.result(job, keep=False)
    if before is None or before._replace(seconds=result.seconds) != result:
        sweep.store_result(result)
    return True


def repeated(
    values: Mapping[str, Any],
    overrides: Sequence[str],
    job: int,
    sweep: Sweep,
    records: Records,
    read: Callable[[RunFolder], Mapping[str, Any]] = RunFolder.read,
) -> JobResult | None:
    """The result of a job whose run has finished before; None where it has to be looked at.

    ``read`` gives the fields of the run's run.json, those that comparing needs at least.
    """
    began = time.time()
    if values["sweep"]["rerun"] == Rerun.all.name:
        return None
    try:
        run = records.finished(values)
        if run is None or is_busy(run):
            return None
        fields = read(run)
        if not is_whole(fields):  # since the last look
            return None
        result = _Job(values, list(overrides), job, sweep).skip(FINISHED_BEFORE, run, fields)
    except Exception:  # of a component or a tracker: the job's own process says what is wrong
        return None
    return result._replace(seconds=time.time() - began, hidden_size=solved_size(values))


class _Job:
    """One configuration of a sweep."""

    def __init__(
        self,
        config: Mapping[str, Any],
        overrides: list[str],
        number: int,
        sweep: Sweep,
        alike: Sequence[RunFolder] | None = None,
    ) -> None:
        self.config, self.overrides, self.number, self.sweep = config, overrides, number, sweep
        self._alike = alike  # runs of the configuration, as long as nobody has waited
        self._corpus: Corpus | None = None  # where it was loaded to know the run's identity
        self._anew = ""  # why a run of the same configuration is not enough

    def run(self, stop: Stop) -> JobResult:
        """Skip, resume or train it; an error is a result, too."""
        try:
            # Side by side, jobs are fastest with one BLAS thread each.
            if self.config.get("threads", 0) == 0:  # a wrong value stays, and is refused
                self.config = {**self.config, "threads": 1}
            rerun, run = settings_from(self.config).sweep.rerun, None
            while run is None:
                earlier = self._earlier_run()
                if rerun is not Rerun.all and earlier and is_busy(earlier):
                    self._wait_for(earlier, stop)
                    if stop.signal:
                        return JobResult(self.number, self.overrides, "KILLED", self._stopped(stop))
                    continue
                if skipped := self._reason_to_skip(rerun, earlier):
                    return self.skip(skipped, earlier, earlier.read() if earlier else {})
                with suppress(RunBusy):  # another sweep was faster
                    run = self._train(rerun, earlier)
        except (Exception, KeyboardInterrupt, SystemExit) as error:
            return self._failure(error)
        why = self._stopped(stop) if stop.signal else ""
        if run.status == "KILLED" and not why:  # a person, in the tracker
            why = str(run.folder.read().get("reason", ""))
        why = PRUNED if run.pruned else why or self._anew
        result = JobResult(self.number, self.overrides, run.status, why, run.run_id)
        result = result.with_metrics(run.folder.read(), run.metrics)
        return result._replace(entry=run.folder.entry)

    def skip(self, why: str, earlier: RunFolder | None, known: Mapping[str, Any]) -> JobResult:
        """The result of a job with nothing to do; its run, of the fields ``known``, is shown below
        this sweep.
        """
        result = self._result("SKIPPED", why, earlier, known)
        is_over = earlier is not None and known.get("status") == "FINISHED"
        tags = self._tags() if is_over else {}
        if earlier is None or PARENT_TAG not in tags:
            return result
        try:
            shown = show_below(earlier, self.config["tracker"], tags, known)
        except (StoreError, RunBusy) as error:
            later = f"the same command shows it below the sweep later ({cause(error)})"
            return result._replace(reason=f"{why}; {later}")
        return result._replace(entry=shown)

    def _wait_for(self, earlier: RunFolder, stop: Stop) -> None:
        """Wait for the end of another sweep's job of this configuration."""
        print(f"waits for run {earlier.id[:8]}, which another process trains", flush=True)
        while is_busy(earlier) and not stop.signal:
            time.sleep(POLL_INTERVAL)

    def _earlier_run(self) -> RunFolder | None:
        """The newest run of the same identity; one that finished comes before all others."""
        outputs, alike, self._alike = self.config["outputs"], self._alike, None
        runs, changed, self._corpus = earlier_runs(outputs, self.config, alike)
        self._anew = f"trained anew: {changed}" if changed else ""
        known = [(run, run.read()) for run in runs]
        whole = (run for run, fields in known if is_whole(fields))
        finished = (run for run, fields in known if fields.get("status") == "FINISHED")
        return next(whole, None) or next(finished, runs[0] if runs else None)

    def _reason_to_skip(self, rerun: Rerun, earlier: RunFolder | None) -> str:
        """Why there is nothing to do; empty where there is something."""
        if earlier is None and self.sweep.traceback_file(self.number).is_file():
            return ""  # it failed before it had a run
        fields = earlier.read() if earlier else {}
        status = fields.get("status")
        if rerun is Rerun.all:
            return ""
        if earlier and is_whole(fields):
            return FINISHED_BEFORE
        if fields.get("pruned") and fields.get("sweep") == self.sweep.id:
            return PRUNED  # in another sweep it goes on
        if rerun is Rerun.failed and status != "FAILED":
            return "had not failed"
        return ""

    def _train(self, rerun: Rerun, earlier: RunFolder | None) -> Run:
        """Resume the earlier run, or train a new one."""
        report = Lines(console(soft_wrap=True))
        rule = pruning_rule(self.sweep, self.number, self.config)
        command = [shown(o) for o in self.overrides if not o.startswith(NOT_ASKED)]
        fields = {"sweep": self.sweep.id, "job": self.number, "own_tags": self._tags()}
        fields["command"] = command
        if earlier is not None and rerun is not Rerun.all:
            tracker = self.config["tracker"]
            return resume(earlier, report, more=fields, should_prune=rule, tracker=tracker)
        if self._placeholder.is_file():
            fields["takes_over"] = self._placeholder.read_text("utf-8")
        name = self.sweep.shown(self.overrides)
        return train(self.config, report, name, fields, rule, self._corpus)

    def _failure(self, error: BaseException) -> JobResult:
        """The result of a job that raised ``error``; the error is in its log and its tracker."""
        traceback = self.sweep.store_traceback(self.number, error)
        folder = run_of(self.sweep, self.config["outputs"], self.number)
        known = folder.read() if folder else {}
        if isinstance(error, KeyboardInterrupt | SystemExit):
            return self._result("KILLED", reason(error), folder, known)
        result = self._result("FAILED", reason(error), folder, known)
        if folder is not None:
            return result
        return result._replace(run_id=self._track_failure(result.reason, traceback))

    def _track_failure(self, why: str, traceback: Path) -> str:
        """Tell the tracker of a job that failed before it had a run; the id of a placeholder."""
        with suppress(Exception):  # the error that counts is the job's
            tracker = component_from("tracker", self.config["tracker"])
            tags = {**self._tags(), "reason": storable(why[:5000])}
            if self._placeholder.is_file():  # the job failed so in an earlier command, too
                log = tracker.reopen(self._placeholder.read_text("utf-8"))
                log.tags(tags)
            else:
                name, params = self.sweep.name(self.overrides), flat_params(self.config)
                log = tracker.start(name, params, tags)
                self._placeholder.write_text(log.id, "utf-8")
            log.file(traceback)
            log.finish("FAILED")
            return str(log.id) if tracker.find(log.id) else ""
        return ""

    def _stopped(self, stop: Stop) -> str:
        return self.sweep.interruption() or f"stopped by {signal.Signals(stop.signal).name}"

    @property
    def _placeholder(self) -> Path:
        """The file with the id of the tracker's run that stands for one that never began."""
        return self.sweep.job_folder(self.number) / "run_id"

    def _tags(self) -> dict[str, str]:
        return self.sweep.tags(self.overrides)

    def _result(
        self, status: str, why: str, folder: RunFolder | None, known: Mapping[str, Any]
    ) -> JobResult:
        """A result with what run.json knows."""
        run_id = folder.id if folder else ""
        result = JobResult(self.number, self.overrides, status, why, run_id)
        return result.with_metrics(known, known.get("metrics", {}))


def run_job_process(
    values: Mapping[str, Any],
    overrides: Sequence[str],
    job: int,
    folder: str,
    alike: Sequence[str] | None,
) -> None:
    """Run a job in a process of its own: its output goes to its log, and it ends with its driver.

    ``folder`` is the sweep's, ``alike`` are those of the runs of this configuration, where the
    driver has looked.
    """
    sweep = Sweep(Path(folder))
    os.setsid()  # a Ctrl-C in the terminal is the driver's to pass on
    for number in STOPPING:  # the job server ignores them
        default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, default)
    log = os.open(sweep.log_file(job), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    replace_unprintable("utf-8")  # a log is a file, whatever the terminal's encoding
    threading.Thread(target=_end_with_driver, daemon=True).start()
    known = None if alike is None else [RunFolder(Path(path)) for path in alike]
    sys.exit(run_job(values, overrides, job, sweep, known, sweep.interruption))


def _end_with_driver() -> None:
    """Stop in order, with a checkpoint, once the process that started the job has gone."""
    driver = parent_process()
    if driver is not None:
        connection.wait([driver.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
