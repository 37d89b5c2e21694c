"""A thread that keeps a tracker up to date, so that training never waits for it.

It sends what the spool holds whenever it is woken. A tracker that fails is asked again after a
pause that grows; the run goes on meanwhile, and what could not be sent stays in the spool.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from rnnx.spool import Spool
from rnnx.store import RunLog

PAUSES = (5.0, 10.0, 30.0, 60.0)  # seconds before a tracker that failed is asked again


class Sender:
    """Delivers a spool to a tracker's run, in the background."""

    def __init__(self, log: RunLog, spool: Spool, say: Callable[[str], None]) -> None:
        self._log, self._spool, self._say = log, spool, say
        self._changed = threading.Condition()
        self._wanted = self._closing = False
        self._failures = 0
        self._thread = threading.Thread(target=self._work, name="rnnx-sender", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """There is something to send; returns at once."""
        with self._changed:
            self._wanted = True
            self._changed.notify()

    def close(self, patience: float) -> bool:
        """Send what is left, waiting so many seconds for it; whether all of it went."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(patience)
        return not self._thread.is_alive() and self._failures == 0

    def _work(self) -> None:
        while True:
            pause = PAUSES[min(self._failures, len(PAUSES)) - 1] if self._failures else None
            with self._changed:
                self._changed.wait_for(self._has_reason, pause)
                closing, self._wanted = self._closing, False
            self._deliver()
            if closing:
                return

    def _has_reason(self) -> bool:
        return self._closing or (self._wanted and self._failures == 0)

    def _deliver(self) -> None:
        try:
            self._spool.deliver(self._log)
        except Exception as error:  # whatever a tracker raises, training goes on
            self._failures += 1
            if self._failures == 1:
                cause = " ".join(str(error).split())[:300] or type(error).__name__
                self._say(
                    f"the tracker does not answer ({cause}); training goes on and keeps what it "
                    "has to say"
                )
            return
        if self._failures:
            self._failures = 0
            self._say("the tracker answers again and has everything")
