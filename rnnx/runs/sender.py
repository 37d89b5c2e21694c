"""A thread that keeps a tracker up to date, so that training never waits for it.

It sends what the spool holds whenever it is woken. A tracker that fails is asked again after a
pause that grows; the run goes on meanwhile, and what could not be sent stays in the spool.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from rnnx.contracts.trackers import RunLog
from rnnx.runs.outbox import Spool
from rnnx.system.text import cause

PAUSES = (5.0, 10.0, 30.0, 60.0)  # seconds before a tracker that failed is asked again
WARY = 2.0  # seconds that the end of a run waits for a tracker which failed before


class LastWord(NamedTuple):
    """How a run ended, told to the tracker where the folder cannot keep it."""

    status: str
    reason: str
    ended: float  # seconds since 1970


class Sender:
    """Delivers a spool to a tracker's run, in the background.

    ``opened`` gives the run: at once, or later in the thread where the tracker does not answer.
    """

    def __init__(
        self, opened: Callable[[], RunLog], spool: Spool, say: Callable[[str], None]
    ) -> None:
        self._opened, self._spool, self._say = opened, spool, say
        self._log: RunLog | None = None
        self._changed = threading.Condition()
        self._wanted = self._closing = False
        self._failures = 0
        self.trouble = ""  # what the tracker said when it failed last
        self._last_word: LastWord | None = None
        self._unkept = False  # the folder could not take the last word
        self._attempt(self._open)
        self._thread = threading.Thread(target=self._work, name="rnnx-sender", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """There is something to send; returns at once."""
        with self._changed:
            self._wanted = True
            self._changed.notify()

    def close(
        self,
        idle: float,
        total: float = math.inf,
        last_word: LastWord | None = None,
        unkept: bool = False,
    ) -> bool:
        """Send what is left; whether all of it went.

        ``last_word`` is sent, too, if it is ``unkept`` or the folder that kept it has gone.
        Waits as long as something goes, but not longer than ``idle`` seconds for the next thing
        nor than ``total`` seconds for all.
        """
        with self._changed:
            self._closing, self._last_word, self._unkept = True, last_word, unkept
            self._changed.notify()
        if self._failures:
            idle = min(idle, WARY)
        left, before = total, (False, -1)
        while self._thread.is_alive() and left > 0 and before != self._moved():
            before, began = self._moved(), time.monotonic()
            self._thread.join(min(idle, left))
            left -= time.monotonic() - began
        if self._thread.is_alive():
            self.trouble = self.trouble or "it does not answer"
        return not self._thread.is_alive() and self._failures == 0

    def _moved(self) -> tuple[bool, int]:
        return self._log is not None, self._spool.sent

    def _work(self) -> None:
        while True:
            pause = PAUSES[min(self._failures, len(PAUSES)) - 1] if self._failures else None
            with self._changed:
                self._changed.wait_for(self._has_reason, pause)
                closing, self._wanted = self._closing, False
            self._attempt(self._deliver)
            if closing or (self._closing and self._failures):
                return

    def _has_reason(self) -> bool:
        return self._closing or (self._wanted and self._failures == 0)

    def _open(self) -> RunLog:
        if self._log is None:
            self._log = self._opened()
        return self._log

    def _deliver(self) -> None:
        log = self._open()
        self._spool.deliver(log)
        if self._last_word and (self._unkept or self._spool.is_gone):
            status, reason, ended = self._last_word
            log.tags({"reason": reason})
            log.finish(status, ended)
        if self._failures:
            self._failures, self.trouble = 0, ""
            self._say("the tracker answers again and has everything")

    def _attempt(self, do: Callable[[], object]) -> None:
        try:
            do()
        except Exception as error:  # whatever a tracker raises, training goes on
            self._failures += 1
            self.trouble = cause(error)
            if self._failures == 1 and not self._closing:  # at the end the run says what is left
                self._say(
                    f"the tracker does not answer ({self.trouble}); training goes on and keeps "
                    "what it has to say"
                )
