"""Drives a sweep: opens it, lets its jobs be run, and closes it with a ranking and a page."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from rnnx.comparison.page import send_sweep_page, write_sweep_page
from rnnx.comparison.pages import closing_line, page_of
from rnnx.comparison.views import view_of_sweep
from rnnx.config.identity import config_hash
from rnnx.config.overrides import Overrides, shown
from rnnx.config.plain import literal
from rnnx.config.resolved import ResolvedConfig
from rnnx.config.settings import Rerun
from rnnx.config.spelling import quoted
from rnnx.contracts.trackers import RunLog, StoreTracker, Tracker
from rnnx.errors import StoreError
from rnnx.runs.lock import RunLock
from rnnx.runs.paths import refuse_links
from rnnx.runs.registration import PLACE_TAG
from rnnx.runs.sweep_folder import Sweep
from rnnx.sweeps.catch_up import catch_up
from rnnx.sweeps.find import environment_names
from rnnx.sweeps.grid import SweepCommand, parse_sweep, validate_sweep
from rnnx.sweeps.launcher import start_server
from rnnx.sweeps.orphans import end_abandoned, wait_for_orphans
from rnnx.sweeps.parent import RANKING, STATUSES, tell_results
from rnnx.sweeps.ranking import print_ranking, ranking_rows, write_ranking
from rnnx.sweeps.warmup import write_configs
from rnnx.system.secrets import name_servers, without_password
from rnnx.system.signals import Stop
from rnnx.system.text import cause, printable
from rnnx.training.report import console


def drive(overrides: Overrides, launch: Callable[[Sequence[str]], int]) -> int:
    """Run a sweep; the exit code.

    ``launch`` runs the jobs of the overrides that it gets: those of the command line and ours.
    """
    command = parse_sweep(overrides)
    configs = validate_sweep(command)
    settings, tracker = configs[0].settings, configs[0].components.tracker
    name_servers(configs[0].values["tracker"])
    anew = settings.sweep.rerun is Rerun.all
    with Stop() as stop:
        read = _read_from_files(command, configs)
        sweep = Sweep.open(settings.outputs, overrides.texts, command.swept, anew, read)
        refuse_links(sweep.path)
        with RunLock(sweep, "sweep"):
            _prepare(sweep, command, configs)
            log = _begin(sweep, tracker, configs[0].values["tracker"])
            if changed := sweep.read().get("before"):
                print(
                    f"rnnx: a file of this command has changed since sweep {changed}: "
                    f"sweep {sweep.id} is a new one",
                    file=sys.stderr,
                )
            catch_up(settings.outputs, sweep.id)
            before, failed = sweep.results(), True
            try:
                if not stop.signal:
                    # A job finds its sweep by this folder, whoever starts it and wherever.
                    folder = quoted(literal(f"{sweep.path.resolve()}/hydra"))
                    launch([*command.typed.texts, f"hydra.sweep.dir={folder}"])
                failed = False
            finally:
                end_abandoned(sweep, settings.outputs)
                now = [result for result in sweep.results() if result not in before]
                failed = failed or not all(result.succeeded for result in now)
                code = _close(sweep, tracker, log, stop.signal, failed)
        if sweep.read().get("sent"):  # the tracker answers
            catch_up(settings.outputs)
        return code


def _read_from_files(command: SweepCommand, configs: Sequence[ResolvedConfig]) -> list[str]:
    """What the files that a command names decide: the values of a recipe, an experiment's choices.

    Every value is in one of the configurations.
    """
    recipe = set(command.overrides.texts) - set(command.typed.texts)
    return [*sorted(recipe), *(config_hash(config.values) for config in configs)]


def _prepare(sweep: Sweep, command: SweepCommand, configs: Sequence[ResolvedConfig]) -> None:
    """Start the job server; wait for the jobs of a driver that was killed, and end their runs."""
    chosen, outputs = command.overrides.keys, configs[0].settings.outputs
    if "hydra/launcher" not in chosen:
        write_configs([config.values for config in configs], sweep.path)
        start_server(sweep.path)
    wait_for_orphans(sweep, outputs)
    end_abandoned(sweep, outputs)
    if "hydra/sweeper" not in chosen:
        sweep.clear()  # a search keeps the results of earlier commands


def _begin(sweep: Sweep, tracker: Tracker, about: Mapping[str, Any]) -> RunLog:
    """Open the sweep's own run, and tell the jobs of it; remove the folder if it never had one."""
    host, pid = socket.gethostname(), os.getpid()
    names = environment_names(tracker)
    environment = {name: without_password(value) for name in names if (value := os.getenv(name))}
    try:
        log = _parent(sweep, tracker, {"sweep.host": host, "sweep.pid": str(pid)})
        driver = {"host": host, "pid": pid, "cwd": os.getcwd(), "environment": environment}
        now = {"parent": log.id, "started": time.time(), "ended": "", "sent": False}
        sweep.write({**now, "tracker": about, **driver})
    except BaseException:
        if "parent" not in sweep.read():
            sweep.remove()
        raise
    return log


def _parent(sweep: Sweep, tracker: Tracker, tags: Mapping[str, str]) -> RunLog:
    """The sweep's run in the tracker: that of an earlier command, or a new one."""
    known, tags, log = sweep.read(), {"sweep.id": sweep.id, **tags}, None
    tags[PLACE_TAG] = str(sweep.path.resolve())
    if "parent" in known and _is_own(sweep, tracker, known["parent"]):
        with suppress(StoreError):  # it was deleted; a store that does not answer fails below
            log = tracker.reopen(known["parent"])
    if log is None:
        name = "sweep " + ", ".join(known.get("swept", []))
        overrides = " ".join(shown(text) for text in known.get("overrides", []))
        return tracker.start(name, {"overrides": overrides}, tags)
    log.tags(tags)
    return log


def _is_own(sweep: Sweep, tracker: Tracker, parent: str) -> bool:
    """Whether the store has the run of this very folder, not that of one which it is a copy of."""
    if not isinstance(tracker, StoreTracker):
        return True
    found = tracker.entry(parent)
    elsewhere = Path(found.folder) if found and found.folder else sweep.path
    return found is not None and not (
        (elsewhere / "sweep.json").is_file() and not elsewhere.samefile(sweep.path)
    )


def _close(sweep: Sweep, tracker: Tracker, log: RunLog, signal_number: int, failed: bool) -> int:
    """Report the results of the jobs on stdout and in the sweep's own run; the exit code.

    A tracker that does not answer costs a warning: another command tells it later.
    """
    counts = Counter(result.status for result in sweep.results())
    rows = ranking_rows(sweep)
    write_ranking(rows, sweep.path / RANKING)
    status = "KILLED" if signal_number else "FAILED" if failed else "FINISHED"
    sweep.write({"ended": status, "ended_at": time.time()})
    answers = _answers(lambda: tell_results(sweep, log))
    print_ranking(rows, console(soft_wrap=True))
    write_sweep_page(sweep)  # last: its figures take a moment, in which a signal may come
    answers = answers and _answers(lambda: send_sweep_page(sweep, log))
    sweep.write({"sent": answers})
    ended = (f"{counts[status]} {status.lower()}" for status in STATUSES if counts[status])
    counted = ", ".join(ended) or "no job was started"
    print(printable(f"sweep {sweep.id}: {counted}; outputs in {sweep.path}"))
    if answers and not signal_number:
        _point_to_page(sweep, tracker)
    return 128 + signal_number if signal_number else int(failed)


def _point_to_page(sweep: Sweep, tracker: Tracker) -> None:
    """Keep the sweep's view in the tracker, and print where it is."""
    ui = page_of(tracker, lambda: view_of_sweep(sweep))
    if ui is not None:
        print(printable(closing_line(ui, sweep.handle)))


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
