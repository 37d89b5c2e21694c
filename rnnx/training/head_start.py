"""What a run does beside something else: its first step while its tracker's store opens, which may
take seconds, and the import of what its end draws with while it trains; a sweep's driver does that
while the jobs train.

Its metrics are logged, and its error is raised, where the training loop comes to it: so a run logs
the same in the same order, whichever of the two is ready first.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from rnnx.registry.attribution import attributing
from rnnx.runs.loss_curve import load_drawing
from rnnx.training.session import Session

T = TypeVar("T")


class FirstStep(NamedTuple):
    """A step that was made before the training loop began."""

    seconds: float  # that it took
    ended: float  # when, in seconds since 1970
    error: Exception | None  # that it raised, or loading the kernels of the second one

    @classmethod
    def of(cls, session: Session) -> FirstStep:
        """Make the session's first step, and load what its second one computes with."""
        try:
            with session.compiler_ready(), session.computing(), attributing():
                if session.is_compiled:  # backend=fast, whose first step is compiled, too
                    session.load()
                began = time.perf_counter()
                session.update()
                seconds, ended = time.perf_counter() - began, time.time()
                if not session.is_compiled:
                    session.load()
        except Exception as error:
            return cls(0.0, time.time(), error)
        return cls(seconds, ended, None)


@contextmanager
def drawing_is_loaded(after: float = 1.0, load: Callable[[], None] | None = None) -> Iterator[None]:
    """Inside, another thread imports what the end draws with: by ``load``, else a run's curve.

    Not before so many seconds have passed: a short run may have nothing to draw.
    """
    timer = threading.Timer(after, load or load_drawing)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def beside(work: Callable[[], T]) -> Future[T]:
    """Do the work in a thread of its own; ``result()`` waits for it and raises what it raised."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    # A process that is told twice to end does not wait for a store.
    threading.Thread(target=run, name="rnnx-opening", daemon=True).start()
    return future
