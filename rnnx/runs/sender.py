"""A thread that keeps a tracker up to date, so that training never waits for it.

It sends what the outbox holds whenever it is woken. A tracker that fails is tried again after an
interval that grows; the run goes on meanwhile, and what could not be sent stays in the outbox.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from rnnx.contracts.trackers import RunLog
from rnnx.errors import StoreUnwritable
from rnnx.runs.outbox import Outbox
from rnnx.runs.steering import POLL_INTERVAL, Steering
from rnnx.system.text import cause, storable

RETRY_INTERVALS = (5.0, 10.0, 30.0, 60.0)  # seconds between two attempts while a tracker fails
# Seconds from one delivery to the next: a call costs a store as much as many points in it do.
DELIVERY_INTERVAL = 2.0
FAILED_TRACKER_TIMEOUT = 2.0  # seconds that the end of a run waits for a tracker that had failed


class Ending(NamedTuple):
    """How a run ended, told to the tracker where the outbox cannot keep it."""

    status: str
    reason: str
    ended: float  # seconds since 1970


class Sender:
    """Delivers an outbox to a tracker's run, in the background.

    ``open_run`` gives the run: at once, or later in the thread where the tracker does not answer.
    ``steering`` is polled at intervals, the first of which begins with the run: a person needs as
    long to find it in the tracker, and a short job of a sweep is at its end by then.
    """

    def __init__(
        self,
        open_run: Callable[[], RunLog],
        outbox: Outbox,
        warn: Callable[[str], None],
        steering: Steering | None = None,
    ) -> None:
        self._steering = steering
        self._open_run, self._outbox, self._warn = open_run, outbox, warn
        self._log: RunLog | None = None
        self._changed = threading.Condition()
        self._woken = self._closing = False
        self._failures = 0  # attempts since the last one that succeeded
        self.trouble = ""  # what the tracker said when it failed last
        self._ending: Ending | None = None
        self._is_kept = True  # the outbox keeps the ending
        self._attempt(self._open)
        self._polled = time.monotonic()
        self._delivered = -math.inf  # when the newest delivery began
        self._start()

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._work, name="rnnx-sender", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Send what is there within DELIVERY_INTERVAL; returns at once."""
        with self._changed:
            self._woken = True
            self._changed.notify()

    def stop(self) -> None:
        """End the thread as soon as its tracker answers; returns at once."""
        with self._changed:
            self._closing = True
            self._changed.notify()

    def close(
        self,
        ending: Ending,
        is_kept: bool,
        idle_timeout: float,
        total_timeout: float = math.inf,
    ) -> bool:
        """Send what is left; whether all of it was sent.

        ``ending`` is told, too, unless the outbox keeps it (``is_kept``) and has not been deleted.
        Waits as long as the tracker takes something, but not longer than ``idle_timeout`` seconds
        for the next thing nor than ``total_timeout`` seconds for all.
        """
        with self._changed:
            self._closing, self._ending, self._is_kept = True, ending, is_kept
            self._woken = True
            self._changed.notify()
        if not self._thread.is_alive():  # a signal came when it had sent another ending
            self._start()
        if self._failures:
            idle_timeout = min(idle_timeout, FAILED_TRACKER_TIMEOUT)
        end, before = time.monotonic() + total_timeout, None
        while self._thread.is_alive():
            left, sent = end - time.monotonic(), self._sent_so_far()
            if left <= 0 or sent == before:
                break
            before = sent
            self._thread.join(min(idle_timeout, left))
        if self._thread.is_alive():
            self.trouble = self.trouble or "it does not answer"
        return not self._thread.is_alive() and self._failures == 0

    def _sent_so_far(self) -> tuple[bool, int]:
        return self._log is not None, self._outbox.delivered

    def _work(self) -> None:
        """Deliver when woken, at intervals while the tracker fails, and once more at the end."""
        is_last = False
        while not is_last:
            is_last = self._wait()
            self._attempt(self._finish if is_last else self._deliver)
            is_last = (is_last and not self._woken) or (self._closing and self._failures > 0)

    def _wait(self) -> bool:
        """Wait for a reason to deliver; whether the run has ended."""
        with self._changed:
            if self._failures:
                interval = RETRY_INTERVALS[min(self._failures, len(RETRY_INTERVALS)) - 1]
                self._changed.wait_for(lambda: self._closing, interval)
            else:
                self._changed.wait_for(lambda: self._closing or self._woken, self._until_poll())
                pause = self._delivered + DELIVERY_INTERVAL - time.monotonic()
                if pause > 0:
                    self._changed.wait_for(lambda: self._closing, pause)
            self._woken = False
            return self._closing

    def _attempt(self, do: Callable[[], object]) -> None:
        try:
            do()
        except Exception as error:  # whatever a tracker raises, training goes on
            self._failures += 1
            self.trouble = cause(error)
            if self._failures == 1 and not self._closing:  # at the end the run says what is left
                self._warn(
                    f"{self.trouble}; training goes on, and the next rnnx command here sends what "
                    "is kept once the store can be written"
                    if isinstance(error, StoreUnwritable)
                    else f"the tracker does not answer ({self.trouble}); training goes on and "
                    "keeps what it has to say"
                )

    def _open(self) -> RunLog:
        if self._log is None:
            self._log = self._open_run()
        return self._log

    def _until_poll(self) -> float | None:
        """Seconds until the next look at what persons ask; None where nobody can be asked."""
        if self._steering is None:
            return None
        return max(self._polled + POLL_INTERVAL - time.monotonic(), 0.0)

    def _deliver(self) -> None:
        log, self._delivered = self._open(), time.monotonic()
        self._outbox.deliver(log)
        if self._steering and self._until_poll() == 0 and not self._closing:
            self._polled = time.monotonic()
            self._steering.poll(log.id)
        self._tell_that_it_answers()

    def _finish(self) -> None:
        """The last delivery: what was sent is read back, and how the run ended is told."""
        log = self._open()
        self._outbox.deliver(log)
        if self._is_kept and not self._outbox.is_gone:
            self._outbox.check(log)
        if self._ending and (not self._is_kept or self._outbox.is_gone):
            status, reason, ended = self._ending
            log.tags({"reason": storable(reason)})
            log.finish(status, ended)
        self._tell_that_it_answers()

    def _tell_that_it_answers(self) -> None:
        if self._failures:
            self._failures, self.trouble = 0, ""
            self._warn("the tracker answers again and has everything")
