"""SIGINT, SIGTERM and SIGHUP stop a run after its step; a second one does not wait for it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

# SIGHUP comes from a terminal that is closed; not every system has it.
STOPPING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class Stop:
    """``with Stop() as stop:`` — inside, ``stop.signal`` is 0, or the number of the first signal.

    The first signal is only noted; the second one raises KeyboardInterrupt, or SystemExit with
    128 + its number; the third one ends the process. Handlers can only be set in the main thread:
    in others (a notebook's worker) signals keep their handlers, and so does a signal that is
    ignored, as under nohup. The handlers from before are put back at the end.

    An inner Stop begins with the signals of the outer one and hands its own on to it.

    ``Stop(at_once=True)`` is for a command's start, which no step follows yet: SIGINT is noted
    and raises KeyboardInterrupt the first time too. Imported code that catches every exception
    swallows that, and the Stop inside then begins with the signal all the same. SIGTERM and
    SIGHUP keep their handlers.

    ``Stop(on_behalf=why)`` is for a job of a sweep, which several processes tell of one and the
    same stop: the driver, the job's watcher, Slurm. Inside, every signal after the first changes
    nothing, and ``why()`` says in words what has stopped the job, where the job alone was not
    meant.
    """

    def __init__(self, at_once: bool = False, on_behalf: Callable[[], str] | None = None) -> None:
        self.signal = 0
        self._at_once, self.raised = at_once, False
        self._on_behalf = on_behalf
        self._count = self._inherited = 0
        self._before: dict[int, Any] = {}
        self._outer: Stop | None = None
        self._tell_ignored: Callable[[Any], Any] = sys.unraisablehook

    def __enter__(self) -> Stop:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT,) if self._at_once else STOPPING:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._handle)
            self._tell_ignored, sys.unraisablehook = sys.unraisablehook, self._ignored
        around = (getattr(handler, "__self__", None) for handler in self._before.values())
        self._outer = next((found for found in around if isinstance(found, Stop)), None)
        if self._outer is not None and self._on_behalf is None:
            self._on_behalf = self._outer._on_behalf
        # A signal may come between any two lines: nothing that a handler has noted is overwritten.
        if self._outer is not None and self._outer.signal:
            self.signal, self._inherited = self._outer.signal, self._outer._count
            self._count += self._inherited
        return self

    def __exit__(self, *error: object) -> None:
        if threading.current_thread() is threading.main_thread():
            sys.unraisablehook = self._tell_ignored
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._outer is not None and self._count > self._inherited:
            self._outer._count += self._count - self._inherited
            self._outer.signal = self._outer.signal or self.signal

    @property
    def reason(self) -> str:
        """What has stopped it, in words; the name of the signal where no more is known."""
        why = self._on_behalf() if self._on_behalf else ""
        return why or signal.Signals(self.signal).name

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.signal = self.signal or number
        if self._on_behalf is not None and self._count:
            return
        self._count += 1
        if self._count > 2:
            os._exit(128 + number)
        if self._count == 1 and not self._at_once:
            return
        self.raised = True
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)

    def _ignored(self, about: Any) -> None:
        """What a finalizer raised, which Python ignores.

        A second signal that comes inside one is as the first: the run stops after its step, and
        there is nothing to tell.
        """
        if not (self.raised and about.exc_type in (KeyboardInterrupt, SystemExit)):
            self._tell_ignored(about)


def interrupted() -> bool:
    """Whether the innermost Stop has raised: an error after that may be its KeyboardInterrupt."""
    stop = getattr(signal.getsignal(signal.SIGINT), "__self__", None)
    return isinstance(stop, Stop) and stop.raised
