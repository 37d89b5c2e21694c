"""Interrupt a computation at its lines by the same computation in another thread.

Threads that meet by chance show a shared buffer once in a thousand runs; here they meet for sure.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, TypeVar

R = TypeVar("R")

PLACES = 400
PATIENCE = 1.0  # seconds after which the other thread is taken to wait for a lock of this one
# Packages that are not interrupted: the lines of a component are those that count.
LIBRARIES = {"numpy", "omegaconf", "rnnx", "yaml", "antlr4", "threadpoolctl"}


def at_many_lines(run: Callable[[], R], other: Callable[[], Any], places: int = PLACES) -> R:
    """The result of ``run``, while another thread calls ``other`` at up to ``places`` lines.

    These are lines that ``run`` reaches for the first or second time. Raises what ``other`` raises.
    """
    lines = _Lines(lambda: None)
    lines.trace(run)
    thread = _OtherThread(other)
    result = _Lines(thread.call, max(1, -(-lines.count // places))).trace(run)
    if thread.error is not None:
        raise thread.error
    return result


class _OtherThread:
    """Calls ``other`` in a thread of its own."""

    def __init__(self, other: Callable[[], Any]) -> None:
        self.error: Exception | None = None
        self._other = other
        self._running: threading.Thread | None = None

    def call(self) -> None:
        if self._running is not None and self._running.is_alive():
            return  # it waits for a lock that the interrupted thread holds
        self._running = threading.Thread(target=self._run, daemon=True)
        self._running.start()
        self._running.join(PATIENCE)

    def _run(self) -> None:
        try:
            self._other()
        except Exception as error:  # whatever a component raises
            self.error = error


class _Lines:
    """Calls ``at`` at every ``every``-th line that is reached for the first or second time."""

    def __init__(self, at: Callable[[], None], every: int = 1) -> None:
        self.count = 0
        self._reached: Counter[tuple[CodeType, int]] = Counter()
        self._at, self._every = at, every

    def trace(self, run: Callable[[], R]) -> R:
        before = sys.gettrace()
        sys.settrace(self._call)
        try:
            return run()
        finally:
            sys.settrace(before)

    def _call(self, frame: FrameType, event: str, argument: Any) -> Any:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        is_library = package in LIBRARIES or package in sys.stdlib_module_names
        return None if is_library else self._line

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            place = frame.f_code, frame.f_lineno
            self._reached[place] += 1
            if self._reached[place] <= 2:
                self.count += 1
                if self.count % self._every == 0:
                    self._at()
        return self._line
