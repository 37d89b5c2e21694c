"""Looks, while a sweep's jobs run, at what a person asks of the sweep in its tracker's pages."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rnnx.contracts.trackers import RunLog, StoreTracker, Tracker
from rnnx.runs.steering import POLL_INTERVAL, STOP, removed, requests_in


@contextmanager
def steered(tracker: Tracker, log: RunLog | None) -> Iterator[None]:
    """Inside, a sweep that is asked to stop gets SIGTERM, as from a person at the terminal.

    What else it is asked, its jobs see and obey: see :mod:`rnnx.runs.steering`. The driver removes
    the tag, after the time in which every job has looked. Signals reach the main thread alone.
    """
    if not (log and isinstance(tracker, StoreTracker)) or (
        threading.current_thread() is not threading.main_thread()
    ):
        yield
        return
    ended = threading.Event()
    thread = threading.Thread(target=_watch, args=(tracker, log, ended), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()


def _watch(tracker: StoreTracker, log: RunLog, ended: threading.Event) -> None:
    seen: frozenset[str] = frozenset()
    while not ended.wait(POLL_INTERVAL):
        with suppress(Exception):  # a store that is away now is asked again
            entry = tracker.entry(log.id)
            asked = requests_in(entry.tags) if entry else frozenset()
            if STOP in asked:
                print(f"rnnx: the tag {STOP} of the sweep's run asks it to stop", file=sys.stderr)
                log.tags({**removed([STOP]), "reason": f"stopped by the tag {STOP}"})
                if not ended.is_set():
                    os.kill(os.getpid(), signal.SIGTERM)
                return
            if obeyed := asked & seen:
                log.tags(removed(obeyed))
            seen = asked
