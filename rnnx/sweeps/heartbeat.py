"""The driver's heartbeat, by which jobs on other machines know that somebody waits for them."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from rnnx.runs.sweep_folder import Sweep
from rnnx.sweeps.launcher import POLL_INTERVAL
from rnnx.sweeps.ranking import result_line
from rnnx.system.files import replacing
from rnnx.system.signals import Stop

HEARTBEAT_INTERVAL = 2.0  # seconds
HEARTBEAT_TIMEOUT = 60.0  # seconds without a heartbeat after which a job takes its driver for dead


class Heartbeat:
    """Shows the jobs that the driver lives, until it leaves or a signal comes.

    It also prints the jobs that have ended: the launcher keeps the driver's own thread busy.
    """

    def __init__(self, sweep: Sweep, stop: Stop, jobs: Iterable[int]) -> None:
        self._sweep, self._stop, self._unprinted = sweep, stop, list(jobs)
        self._total, self._file = len(self._unprinted), heartbeat_file(sweep)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Heartbeat:
        self._write()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._thread.join()
        self.stop()
        self._print_ended()

    def stop(self) -> None:
        """Tell the jobs that run to end, and those that wait not to begin."""
        if self._stop.signal and self._file.exists():
            self._sweep.interrupt(self._stop.signal)
        self._file.unlink(missing_ok=True)

    def _run(self) -> None:
        last = time.monotonic()
        while not self._over.wait(POLL_INTERVAL):
            self._print_ended()
            if self._stop.signal:
                self.stop()
            elif time.monotonic() - last >= HEARTBEAT_INTERVAL and self._file.exists():
                self._write()
                last = time.monotonic()

    def _write(self) -> None:
        with replacing(self._file) as temporary:
            temporary.write_text(f"{time.time()}\n", "utf-8")

    def _print_ended(self) -> None:
        for job in list(self._unprinted):
            result = self._sweep.result(job)
            if result is not None:
                self._unprinted.remove(job)
                print(result_line(self._sweep, result, self._total), flush=True)


def heartbeat_file(sweep: Sweep) -> Path:
    """The file that the driver renews while it lives."""
    return sweep.path / "driver"


class DriverWatch:
    """The signal of a job's watcher: SIGTERM if one came, or if the driver is gone."""

    def __init__(self, sweep: Sweep, stop: Stop) -> None:
        self._file, self._stop = heartbeat_file(sweep), stop
        self._heartbeat, self._renewed = "", time.monotonic()

    @property
    def signal(self) -> int:
        return self._stop.signal or (signal.SIGTERM if self._is_driver_gone() else 0)

    def _is_driver_gone(self) -> bool:
        heartbeat = self._heartbeat
        try:
            heartbeat = self._file.read_text("utf-8")
        except FileNotFoundError:
            return True
        except OSError:  # the file server does not answer, and may again
            pass
        now = time.monotonic()  # the heartbeat's own time is of another machine's clock
        if heartbeat != self._heartbeat:
            self._heartbeat, self._renewed = heartbeat, now
        return now - self._renewed > HEARTBEAT_TIMEOUT
