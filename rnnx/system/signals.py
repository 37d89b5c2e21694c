"""SIGINT, SIGTERM and SIGHUP stop a run after its step; a second one does not wait for it."""

from __future__ import annotations

import os
import signal
import threading
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
    """

    def __init__(self) -> None:
        self.signal = 0
        self._count = 0
        self._before: dict[int, Any] = {}
        self._outer: Stop | None = None

    def __enter__(self) -> Stop:
        if threading.current_thread() is threading.main_thread():
            for number in STOPPING:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._handle)
        around = (getattr(handler, "__self__", None) for handler in self._before.values())
        self._outer = next((found for found in around if isinstance(found, Stop)), None)
        if self._outer is not None:
            self.signal, self._count = self._outer.signal, self._outer._count
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._outer is not None:
            self._outer.signal, self._outer._count = self.signal, self._count

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._count += 1
        if self._count == 1:
            self.signal = number
        elif self._count > 2:
            os._exit(128 + number)
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            raise SystemExit(128 + number)
