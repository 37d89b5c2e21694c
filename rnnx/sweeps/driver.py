"""Drives a sweep: opens it, lets its jobs be run, and closes it with a ranking and a page."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from rnnx.comparison.page import send_sweep_page, write_sweep_page
from rnnx.comparison.pages import closing_line, page_of
from rnnx.comparison.runs import jobs_of
from rnnx.comparison.views import view_of_sweep
from rnnx.config.identity import config_hash
from rnnx.config.interpolations import literal
from rnnx.config.overrides import Overrides
from rnnx.config.resolved import ResolvedConfig
from rnnx.config.settings import Rerun
from rnnx.config.spelling import quoted
from rnnx.contracts.trackers import RunLog, Tracker
from rnnx.errors import StoreUnwritable
from rnnx.runs.known_runs import one_reading
from rnnx.runs.lock import RunLock
from rnnx.runs.paths import refuse_links
from rnnx.runs.sweep_folder import Sweep
from rnnx.sweeps.catch_up import catch_up
from rnnx.sweeps.dry_run import show_plan
from rnnx.sweeps.find import environment_names
from rnnx.sweeps.grid import CheckedSweep, SweepCommand, parse_and_validate
from rnnx.sweeps.job_configs import composed_before
from rnnx.sweeps.launcher import start_server
from rnnx.sweeps.orphans import end_abandoned, wait_for_orphans
from rnnx.sweeps.parent import describe, open_parent, tell_results
from rnnx.sweeps.plan import write_plan
from rnnx.sweeps.ranking import RANKING, STATUSES, print_ranking, ranking, write_ranking
from rnnx.sweeps.records import Records
from rnnx.sweeps.search import CONDITIONS
from rnnx.sweeps.skipping import skip_all
from rnnx.sweeps.steering import steered
from rnnx.sweeps.warmup import CONFIGS, write_configs
from rnnx.sweeps.words import Word
from rnnx.system.secrets import name_servers, without_password
from rnnx.system.signals import Stop
from rnnx.system.text import cause, printable
from rnnx.training.report import console


def drive(
    overrides: Overrides,
    words: Sequence[tuple[int, Word]],
    launch: Callable[[Sequence[str]], int],
    dry_run: bool = False,
    opened: Callable[[Sweep], None] = lambda sweep: None,
) -> int:
    """Run a sweep; the exit code.

    ``launch`` runs the jobs of the overrides that it gets: those of the command line and ours.
    ``dry_run``: only list the jobs. ``opened`` is told the sweep's folder before any job starts.
    """
    command, checked = parse_and_validate(overrides, words)
    checked.data.refuse_unusable()
    if dry_run:
        show_plan(checked)
        return 0
    for note in checked.plan.notes if checked.plan else ():
        print(f"rnnx: {printable(note)}", file=sys.stderr)
    name_servers(checked.configs[0].values["tracker"])
    return _run(command, checked, launch, opened)


def _run(
    command: SweepCommand,
    checked: CheckedSweep,
    launch: Callable[[Sequence[str]], int],
    opened: Callable[[Sweep], None],
) -> int:
    configs, plan = checked.configs, checked.plan
    settings, tracker = configs[0].settings, configs[0].components.tracker
    with Stop() as stop, one_reading(), composed_before(checked.composed):
        sweep = _open(command, checked)
        opened(sweep)
        refuse_links(sweep.path, sweep.path / "hydra")
        with RunLock(sweep, "sweep"):
            known = _prepare(sweep, command, checked)
            log = _begin(sweep, tracker, configs[0].values["tracker"])
            _name_changed_file(sweep)
            catch_up(settings.outputs, sweep.id)
            before, failed = {result.job: result for result in sweep.results()}, True
            try:
                if not stop.signal and not (known and skip_all(sweep, checked, known)):
                    sweep.forget_skipped()
                    # A job finds its sweep by this folder, whoever starts it and wherever.
                    folder = quoted(literal(f"{sweep.path.resolve()}/hydra"))
                    typed = command.typed.single if plan else command.typed
                    with steered(tracker, log):
                        launch([*typed.texts, f"hydra.sweep.dir={folder}"])
                failed = False
            finally:
                end_abandoned(sweep, settings.outputs)
                now = [one for one in sweep.results() if before.get(one.job) != one]
                failed = failed or not all(result.succeeded for result in now)
                code = _close(sweep, tracker, log, stop.signal, failed)
        if sweep.read().get("sent"):  # the tracker answers
            catch_up(settings.outputs)
        return code


def _name_changed_file(sweep: Sweep) -> None:
    if changed := sweep.read().get("before"):
        print(
            f"rnnx: a file of this command has changed since sweep {changed}: "
            f"sweep {sweep.id} is a new one",
            file=sys.stderr,
        )


def _open(command: SweepCommand, checked: CheckedSweep) -> Sweep:
    """The sweep's folder, with its jobs.

    What the files that a command names decide is part of what it asks for: the values of a recipe
    or a CSV, an experiment's choices. Every value is in one of the configurations.
    """
    recipe = {*command.overrides.texts, *map(str, command.of_recipe)} - {*command.typed.texts}
    read = [*sorted(recipe), *(config_hash(config.values) for config in checked.configs)]
    keys, settings = command.swept, checked.configs[0].settings
    if checked.plan:
        read, keys = [*read, *checked.plan.read], checked.plan.keys
    anew, ordered = settings.sweep.rerun is Rerun.all, command.draw is not None
    return Sweep.open(settings.outputs, command.asked, keys, anew, read, ordered)


def _prepare(sweep: Sweep, command: SweepCommand, checked: CheckedSweep) -> Records | None:
    """Start the job server; wait for the jobs of a driver that was killed, and end their runs.

    Where one of our jobs has finished before, none is started: what is known of earlier runs.
    """
    configs, plan = checked.configs, checked.plan
    chosen, outputs = command.overrides.keys, configs[0].settings.outputs
    known = None
    if "hydra/launcher" not in chosen:
        write_configs([config.values for config in configs], sweep.path)
        known = _finished_before(configs[0])
        if known is None:
            start_server(sweep.path)  # now: it imports and compiles meanwhile
    wait_for_orphans(sweep, outputs)
    end_abandoned(sweep, outputs)
    sweep.tidy()
    if "hydra/sweeper" not in chosen:
        # A search keeps the results of earlier commands, and other launchers wait for results.
        sweep.clear(but_repeated="hydra/launcher" not in chosen)
    if plan is not None:
        write_plan(plan.jobs, sweep.path)
    else:
        sweep.write({CONDITIONS: [str(word) for _, word in command.words]})
    return known


def _finished_before(first: ResolvedConfig) -> Records | None:
    """What is known of earlier runs where one of the jobs has finished: then perhaps all have."""
    if first.settings.sweep.rerun is Rerun.all:
        return None
    with suppress(Exception):  # whatever is wrong, the job says it
        records = Records(first.settings.outputs)
        return records if records.finished(first.values) is not None else None
    return None


def _begin(sweep: Sweep, tracker: Tracker, about: Mapping[str, Any]) -> RunLog | None:
    """Open the sweep's own run, and tell the jobs of it; None where the store is full or read-only.

    The folder is removed if the sweep never began.
    """
    host, pid, before = socket.gethostname(), os.getpid(), sweep.read().get("parent")
    names = environment_names(tracker)
    environment = {name: without_password(value) for name in names if (value := os.getenv(name))}
    driver = {"host": host, "pid": pid, "cwd": os.getcwd(), "environment": environment}
    now = {"parent": before or "", "started": time.time(), "ended": "", "sent": False}
    sweep.write({**now, "interrupted": "", "tracker": about, **driver})
    try:
        return _parent(sweep, tracker, {"sweep.host": host, "sweep.pid": str(pid)})
    except BaseException:
        if before is None and not sweep.read().get("parent"):
            sweep.remove()
        raise


def _parent(sweep: Sweep, tracker: Tracker, tags: Mapping[str, str]) -> RunLog | None:
    try:
        log = open_parent(sweep, tracker, tags)
        describe(sweep, log)
        return log
    except StoreUnwritable as error:
        print(
            f"rnnx: {printable(cause(error))}; the jobs train all the same, and the next rnnx "
            "command here sends everything once the store can be written",
            file=sys.stderr,
        )
        return None


def _close(
    sweep: Sweep, tracker: Tracker, log: RunLog | None, signal_number: int, failed: bool
) -> int:
    """Report the results of the jobs on stdout and in the sweep's own run; the exit code.

    A tracker that does not answer costs a warning: another command tells it later.
    """
    counts = Counter(result.status for result in sweep.results())
    jobs = jobs_of(sweep)
    found = ranking(sweep, jobs)
    write_ranking(found, sweep.path / RANKING)
    status = "KILLED" if signal_number else "FAILED" if failed else "FINISHED"
    sweep.write({"ended": status, "ended_at": time.time()})
    answers = log is not None and _answers(lambda: tell_results(sweep, log, jobs))
    print_ranking(found, console(soft_wrap=True))
    ui = page_of(tracker, lambda: view_of_sweep(sweep)) if answers and not signal_number else None
    # Last: its figures take a moment, in which a signal may come.
    write_sweep_page(sweep, None if not answers else ui.address if ui else "", jobs)
    if answers and log is not None:
        answers = _answers(lambda: send_sweep_page(sweep, log))
    (sweep.path / CONFIGS).unlink(missing_ok=True)  # where no job needed a process
    sweep.write({"sent": answers})
    ended = (f"{counts[status]} {status.lower()}" for status in STATUSES if counts[status])
    counted = ", ".join(ended) or "no job was started"
    print(printable(f"sweep {sweep.id}: {counted}; outputs in {sweep.path}"))
    if answers and ui:
        print(printable(closing_line(ui, sweep.handle)))
    return 128 + signal_number if signal_number else int(failed)


def _answers(tell: Callable[[], None]) -> bool:
    """Whether the tracker was told; a warning where it does not answer."""
    try:
        tell()
    except Exception as error:  # whatever a tracker raises
        print(
            f"rnnx: the tracker does not answer ({printable(cause(error, 200))}); what it misses "
            "is in the folder of the sweep, and the next rnnx command here sends it when it "
            "answers",
            file=sys.stderr,
        )
        return False
    return True
