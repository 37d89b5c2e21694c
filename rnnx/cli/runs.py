"""``rnnx resume``, ``rnnx sync`` and ``rnnx runs``: what can be done with runs on this machine."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from rnnx.config.components import components_from
from rnnx.config.overrides import parse
from rnnx.contracts.trackers import RunSummary
from rnnx.errors import StoreError
from rnnx.runs.find import find_run, list_runs
from rnnx.runs.folder import RunFolder
from rnnx.runs.lock import RunLock
from rnnx.runs.outbox import Outbox
from rnnx.runs.paths import refuse_links
from rnnx.runs.stored_config import stored_config
from rnnx.system.table import Column, print_table
from rnnx.system.text import cause, printable
from rnnx.training import resume as resuming
from rnnx.training.report import console as output
from rnnx.training.report import for_terminal
from rnnx.training.run import storage_errors


def resume(run: str, overrides: Sequence[str]) -> int:
    """Resume ``run``; the exit code."""
    parsed = parse(overrides)
    folder = _in_its_directory(find_run(run))
    return resuming.resume(folder, for_terminal(), parsed).exit_code


def sync(run: str) -> None:
    """Send the tracker of ``run`` the points and files that it lacks."""
    folder = _in_its_directory(find_run(run))
    with storage_errors(folder), RunLock(folder), Outbox(folder.path) as outbox:
        left = outbox.count()
        if not left:
            print(f"run {folder.id[:8]}: the tracker has everything already")
            return
        tracker = components_from(stored_config(folder)).tracker
        log = tracker.reopen(folder.id)
        try:
            outbox.deliver(log)
        except Exception as error:  # whatever a tracker raises
            raise StoreError(
                f"run {folder.id[:8]}: the tracker does not answer ({cause(error)}); "
                f"{outbox.count()} points and files are left, try again later"
            ) from error
    if outbox.damaged:
        print(f"rnnx: {outbox.damaged} damaged lines were left out", file=sys.stderr)
    left -= outbox.damaged
    print(f"run {folder.id[:8]}: sent {left} points and files; the tracker has everything")


def _in_its_directory(folder: RunFolder) -> RunFolder:
    """Enter the directory in which the run began: its configuration has paths relative to it."""
    folder = RunFolder(folder.path.resolve())
    refuse_links(folder.path)
    began = folder.read().get("cwd")
    if isinstance(began, str) and began != os.getcwd():
        with suppress(OSError, ValueError):  # it is gone, or was never a path
            os.chdir(began)
            print(f"working in {printable(began)}, where the run began", file=sys.stderr)
    return folder


def show_runs(overrides: Sequence[str], limit: int) -> None:
    """Print the newest runs as a table."""
    found = list_runs(overrides, limit)
    console = output(soft_wrap=not sys.stdout.isatty())
    if not found:
        console.print("no runs yet; begin with: rnnx train")
        return
    columns = [Column(name) for name in ("id", "status", "best held-out", "started", "overrides")]
    print_table(console, columns, [_cells(summary) for summary in found])


def _cells(run: RunSummary) -> tuple[str, ...]:
    best = run.metrics.get("best/val_loss", run.metrics.get("val/loss"))
    loss = "—" if best is None else f"{best:.4f}"
    started = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.started))
    return run.id[:12], run.status, loss, started, run.name
