"""``rnnx resume``, ``rnnx sync`` and ``rnnx runs``: what can be done with runs on this machine."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rnnx.comparison.numbers import format_value
from rnnx.config.components import component_from
from rnnx.config.compose import compose
from rnnx.config.overrides import parse
from rnnx.contracts.trackers import RunSummary, StoreTracker
from rnnx.errors import ConfigError, StoreError
from rnnx.runs.find import find_run, folders_listed, runs_listed
from rnnx.runs.folder import RunFolder
from rnnx.runs.known_runs import one_reading
from rnnx.runs.lock import RunLock
from rnnx.runs.paths import refuse_links
from rnnx.runs.registration import bring_up_to_date, new_entry_note
from rnnx.runs.stored_config import stored_config
from rnnx.runs.whereabouts import project_of, settle
from rnnx.sweeps.catch_up import catch_up
from rnnx.system.table import Column, print_table
from rnnx.system.text import cause, printable
from rnnx.training.report import console as output
from rnnx.training.report import for_terminal

BEST_LOSS = "best/val_loss"


def resume(run: str, overrides: Sequence[str]) -> int:
    """Resume ``run``; the exit code."""
    from rnnx.training import resume as resuming  # a list of runs needs nothing that trains

    parsed = parse(overrides)
    folder = _in_its_directory(find_run(run))
    done = resuming.resume(folder, for_terminal(), parsed)
    if done.folder.read().get("sent"):  # the tracker answers
        catch_up(str(folder.path.parent))
    return done.exit_code


def sync(run: str, overrides: Sequence[str] = ()) -> None:
    """Send the store of ``run`` what it lacks; with ``tracker…=`` another store gets the run."""
    from rnnx.training.run import storage_errors

    folder = _in_its_directory(find_run(run))
    with storage_errors(folder), RunLock(folder):
        brought = bring_up_to_date(folder, _tracker(folder, overrides))
    if brought.is_new:
        print(new_entry_note(folder, brought.entry))
    if brought.damaged:
        print(f"rnnx: {brought.damaged} damaged lines were left out", file=sys.stderr)
    if brought.sent or brought.damaged:
        left = f"sent {brought.sent} points and files; the tracker has everything"
    else:
        left = "the tracker has everything already"
    print(f"run {folder.id[:8]}: {left}")


def _tracker(folder: RunFolder, overrides: Sequence[str]) -> Mapping[str, Any]:
    """The configuration of the tracker that a run's folder is sent to."""
    own: Mapping[str, Any] = stored_config(folder)["tracker"]
    parsed = parse(overrides)
    parsed.refuse_sweeps()
    for override in parsed:
        if override.key_or_group.partition(".")[0] != "tracker":
            raise ConfigError(f"{override.input_line}: sync takes tracker=… and tracker.FIELD=…")
    if not overrides:
        return own
    chosen: Mapping[str, Any] = compose(parsed)["tracker"]
    if "tracker" not in parsed.keys and chosen["name"] == own["name"]:
        given = (key.removeprefix("tracker.") for key in parsed.keys)
        chosen = {**own, **{key: chosen[key] for key in given}}
    if not isinstance(component_from("tracker", chosen), StoreTracker):
        raise ConfigError(
            f"{parsed.texts[0]}: it cannot say which runs it has; a run is sent to a tracker with "
            "a store, as tracker=mlflow"
        )
    return chosen


def _in_its_directory(folder: RunFolder) -> RunFolder:
    """Enter the run's project: its configuration has paths relative to it."""
    folder = RunFolder(folder.path.resolve())
    refuse_links(folder.path)
    project = project_of(folder)
    if project is not None:
        if project != Path.cwd():
            os.chdir(project)
            where = printable(str(project))
            print(f"working in {where}, the project of the run", file=sys.stderr)
        settle(folder, project)
    return folder


def show_runs(overrides: Sequence[str], limit: int) -> None:
    """Print the newest runs as a table."""
    config = compose(overrides)
    try:
        with one_reading():
            found = runs_listed(config, limit)
            if catch_up(config["outputs"]):  # the tracker has answered
                found = runs_listed(config, limit)
    except StoreError as error:
        found = folders_listed(config, limit)
        if not found:
            raise
        print(
            f"rnnx: {printable(cause(error))}; listed are the runs with folders here",
            file=sys.stderr,
        )
    console = output(soft_wrap=not sys.stdout.isatty())
    if not found:
        console.print("no runs yet; begin with: rnnx train")
        return
    columns = [Column(name) for name in ("id", "status", "best held-out", "started", "overrides")]
    print_table(console, columns, [*map(_cells, found)], expendable=["started"])


def _cells(run: RunSummary) -> tuple[str, ...]:
    started = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started))
    return run.id[:12], run.status, _best(run.metrics), started, run.name


def _best(metrics: Mapping[str, float]) -> str:
    """The best value of what the run monitored, named where that is not the held-out loss."""
    monitored = [key for key in metrics if key.startswith("best/val_") and key != BEST_LOSS]
    if not monitored:
        return format_value(BEST_LOSS, metrics.get(BEST_LOSS, metrics.get("val/loss")))
    name = monitored[0].removeprefix("best/").replace("_", "/", 1)
    return f"{format_value(name, metrics[monitored[0]])} {name}"
