"""One job of a sweep: a run whose outcome is kept, whatever it is."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import Any

from rnnx.config.components import component_from
from rnnx.config.identity import config_hash, flat_params
from rnnx.config.settings import Baseline, Rerun
from rnnx.runs.folder import RunFolder, runs_with
from rnnx.runs.sweep_folder import Outcome, Sweep
from rnnx.sweeps.orphans import run_of
from rnnx.sweeps.study import PRUNED, judge
from rnnx.system.signals import STOPPING, Stop
from rnnx.system.text import reason
from rnnx.training.report import Lines, console
from rnnx.training.resume import resume
from rnnx.training.run import Run, train


def run_job(values: Mapping[str, Any], overrides: Sequence[str], job: int, sweep: Sweep) -> int:
    """Train one configuration of a sweep and keep what came of it; the exit code."""
    began = time.time()
    # Every job would fit the same n-grams; and side by side, one BLAS thread each is fastest.
    never = Baseline.never.name if values["baseline"] == Baseline.auto.name else values["baseline"]
    values = {**values, "baseline": never, "threads": values["threads"] or 1}

    def kept(status: str, why: str, run_id: str, metrics: Mapping[str, float]) -> int:
        best, seconds = metrics.get("best/val_loss"), time.time() - began
        sweep.keep(Outcome(job, list(overrides), status, why, run_id, best, seconds))
        return 0 if status in ("FINISHED", "SKIPPED") else 1

    with Stop() as stop:
        if stop.signal:  # the one before in this process was stopped, and this one with it
            return 128 + stop.signal
        try:
            before = _before(values)
            rerun = Rerun[values["sweep"]["rerun"]]
            # A job that failed before it had a run left its traceback alone.
            early = before is None and sweep.traceback_file(job).is_file()
            skip = "" if early else _reason_to_skip(before, rerun)
            if skip:
                return kept("SKIPPED", skip, before.id if before else "", _metrics(before))
            run = _run(values, overrides, job, sweep, before)
            why = f"stopped by {signal.Signals(stop.signal).name}" if stop.signal else ""
            why = PRUNED if run.pruned else why
            return kept(run.status, why, run.run_id, run.metrics)
        except (Exception, KeyboardInterrupt, SystemExit) as error:
            trace = sweep.keep_traceback(job, error)
            stopped = isinstance(error, KeyboardInterrupt | SystemExit)
            status = "KILLED" if stopped else "FAILED"
            why = reason(error)
            folder = run_of(sweep, values["outputs"], job)
            run_id = folder.id if folder else ""
            if folder is None and not stopped:
                run_id = _stand_in(values, overrides, job, sweep, why, trace)
            return kept(status, why, run_id, _metrics(folder))


def _run(
    values: Mapping[str, Any],
    overrides: Sequence[str],
    job: int,
    sweep: Sweep,
    before: RunFolder | None,
) -> Run:
    report = Lines(console(soft_wrap=True))
    anew = values["sweep"]["rerun"] == Rerun.all.name
    about = {"sweep": sweep.id, "job": job, "own_tags": sweep.tags(overrides)}
    if before is not None and not anew:
        return resume(before, report, more=about, is_hopeless=judge(sweep, job))
    told = _stand_in_file(sweep, job)
    if told.is_file():
        about["takes_over"] = told.read_text("utf-8")
    return train(values, report, [sweep.name(overrides)], about, judge(sweep, job))


def _stand_in(
    values: Mapping[str, Any],
    overrides: Sequence[str],
    job: int,
    sweep: Sweep,
    why: str,
    trace: Path,
) -> str:
    """A run in the tracker for a job that failed before it had one; its id, or empty."""
    tags = {**sweep.tags(overrides), "reason": why[:5000]}
    with suppress(Exception):  # the error that counts is the job's
        tracker = component_from("tracker", values["tracker"])
        kept = _stand_in_file(sweep, job)  # of the time before, when the command was given again
        if kept.is_file():
            log = tracker.reopen(kept.read_text("utf-8"))
            log.tags(tags)
        else:
            log = tracker.start(sweep.name(overrides), flat_params(values), tags)
            kept.write_text(log.id, "utf-8")
        log.file(trace)
        log.finish("FAILED")
        return str(log.id) if tracker.find(log.id) else ""
    return ""


def _stand_in_file(sweep: Sweep, job: int) -> Path:
    """Where the id of a job's stand-in is."""
    return sweep.job_folder(job) / "run_id"


def _before(values: Mapping[str, Any]) -> RunFolder | None:
    """The newest run of this configuration; one that finished comes before all others."""
    same = runs_with(values["outputs"], config_hash=config_hash(values))
    finished = [folder for folder, known in same if known.get("status") == "FINISHED"]
    return next(iter([*finished, *(folder for folder, _ in same)]), None)


def _reason_to_skip(before: RunFolder | None, rerun: Rerun) -> str:
    status = before.read().get("status") if before else None
    if rerun is Rerun.all:
        return ""
    if status == "FINISHED":
        return "had finished before"
    if rerun is Rerun.failed and status != "FAILED":
        return "had not failed"
    return ""


def _metrics(folder: RunFolder | None) -> Mapping[str, float]:
    found = folder.read().get("metrics", {}) if folder else {}
    return found if isinstance(found, dict) else {}


def child(values: Mapping[str, Any], overrides: Sequence[str], job: int, path: str) -> None:
    """A job in a process of its own: its output goes to its log, and it ends with its driver."""
    sweep = Sweep(Path(path))
    os.setsid()  # a Ctrl-C in the terminal is the driver's to pass on
    for number in STOPPING:
        meaning = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, meaning)
    log = os.open(sweep.log_file(job), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    threading.Thread(target=_end_with_driver, daemon=True).start()
    sys.exit(run_job(values, overrides, job, sweep))


def _end_with_driver() -> None:
    """Stop in order, checkpoint included, once the process that started us is gone."""
    driver = parent_process()
    if driver is not None:
        connection.wait([driver.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
