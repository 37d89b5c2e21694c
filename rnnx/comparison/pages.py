"""The page of a tracker's that shows a view; the view is kept in the tracker's store."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from rnnx.comparison.views import LOOKED_AT, shown_of_entries, view_of_experiment
from rnnx.contracts.trackers import UI, Tracker
from rnnx.contracts.views import View, ViewTracker
from rnnx.system.text import cause, printable

HOST, PORT = "127.0.0.1", 5000  # where ``rnnx ui`` serves the pages unless it is told otherwise


def page_of(
    tracker: Tracker, view: Callable[[], View | None], host: str = HOST, port: int = PORT
) -> UI | None:
    """The page of a view; None where the tracker has none, or there is nothing to show.

    A store that fails costs the page alone: a line on stderr says why.
    """
    if not isinstance(tracker, ViewTracker):
        return None
    try:
        asked = view()
        return tracker.view(asked, host, port) if asked else None
    except Exception as error:  # whatever a tracker raises
        print(
            f"rnnx: no page of charts ({printable(cause(error, 200))}); "
            "rnnx ui makes it when the tracker answers",
            file=sys.stderr,
        )
        return None


def newest_runs(tracker: Tracker, outputs: Path) -> View | None:
    """The view of a tracker's newest runs; None where none of them has a metric."""
    found = shown_of_entries(tracker.runs(LOOKED_AT), outputs)
    return view_of_experiment(found) if found.metrics else None


def closing_line(ui: UI, name: str) -> str:
    """The last line of a command: where the charts of the run or sweep ``name`` are."""
    if ui.command:  # which shows them
        return f"rnnx ui {name}   opens its charts in a browser"
    return f"charts: {ui.address}"
