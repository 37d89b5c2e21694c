"""SIGINT and SIGTERM: finish the step, then stop; a second one does not wait for the step."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

# A terminal that is closed sends SIGHUP, where there is such a thing.
STOPPING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class Stop:
    """``with Stop() as stop:`` — then ``stop.signal`` is 0, or the number of what came.

    The first signal is only noted, the second one raises (KeyboardInterrupt, or SystemExit with
    128 + its number), the third one ends the process. Handlers can be set in the main thread
    alone; elsewhere (a notebook's worker) signals keep their meaning, and so does one that is
    ignored, as under nohup. What was set before is put back at the end.

    One inside another begins with what came to the outer one, and tells it what came since.
    """

    def __init__(self) -> None:
        self.signal = 0
        self._came = 0
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
            self.signal, self._came = self._outer.signal, self._outer._came
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._outer is not None:
            self._outer.signal, self._outer._came = self.signal, self._came

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self._came += 1
        if self._came == 1:
            self.signal = number
        elif self._came > 2:
            os._exit(128 + number)
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            raise SystemExit(128 + number)
