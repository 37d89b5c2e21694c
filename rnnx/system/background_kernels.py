"""Kernels that a run does not wait for: a process of low priority compiles them while it computes.

They are those in whose place something else gives the same bits, only slower. So it does not matter
at which step they take over: they are loaded where they are called after that process has ended.
"""

from __future__ import annotations

import _thread
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from contextlib import suppress

from rnnx.system.files import remove_left
from rnnx.system.kernels import Call, kernels_folder, missing, start, tell, told

DELAY = 2.0  # seconds of training before it begins: a shorter run has no use for them


class Background:
    """Kernels that such a process compiles, from the first question after ``DELAY`` on."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self._calls, self._begins = calls, time.monotonic() + DELAY
        self._process: subprocess.Popen[bytes] | None = None
        self._has_ended = not sys.executable
        self._asking = threading.Lock()

    def has_ended(self) -> bool:
        """Whether nothing more comes of it: who calls them now loads them, or compiles them."""
        with self._asking:
            if self._has_ended or time.monotonic() < self._begins:
                return self._has_ended
            if self._process is None:
                self._begin()
            elif self._process.poll() is not None:
                self._finish()
                self._has_ended = True
            return self._has_ended

    def _begin(self) -> None:
        try:
            self._process = start(compile_in_background)
        except OSError:
            self._has_ended = True
            return
        self._finish = weakref.finalize(self, _end, self._process)
        tell(self._process, self._calls)


def compile_later(calls: Sequence[Call]) -> None:
    """Compile the kernels that are in no cache, those of ``calls``, while others compute.

    A kernel that calls others stands behind them: where it is kept, they are.
    """
    if left := missing(calls):
        background = Background(left)
        for call in left:
            call.kernel().coming = background


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process, and delete the file that it may have been writing."""
    process.kill()
    process.wait()
    assert process.stdin is not None
    with suppress(BrokenPipeError):
        process.stdin.close()
    if process.returncode:
        with suppress(OSError):
            for folder in kernels_folder().iterdir():
                remove_left(folder)


def compile_in_background() -> None:
    """The whole of such a process, which ends with the one that started it, however that ends."""
    gc.disable()
    if hasattr(os, "nice"):  # Windows has none
        os.nice(10)
    calls: Sequence[Call] = told()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell may have ignored
    threading.Thread(target=_interrupt_at_the_end_of_input, daemon=True).start()
    for call in calls:
        call.kernel().compile(call.types)


def _interrupt_at_the_end_of_input() -> None:
    os.read(0, 1)
    _thread.interrupt_main()
