"""How many threads a run's steps use: a function of its configuration alone.

Two thread counts sum a product in different orders, so a run that is to be repeated bit for bit
cannot ask the machine of the day how many threads would be nice. It does heed a limit that was
set on purpose (OMP_NUM_THREADS, threadpoolctl).
"""

from __future__ import annotations

import functools
import os
from types import TracebackType
from typing import Any

from rnnx.contracts import Cell
from rnnx.settings import Train

LARGE = 2**18  # n_a²·B of a step's recurrent product; a second thread pays above it


def thread_count(settings: Train, cell: Cell) -> int:
    """``threads`` if it is set, else 2 where a step's product is large enough for two, else 1."""
    if settings.threads:
        return settings.threads
    wanted = 2 if cell.hidden_size**2 * settings.batch_size > LARGE else 1
    return min(wanted, _limit())


def _limit() -> int:
    """The threads that somebody allowed: fewer than the processors only if on purpose."""
    allowed = min((library.get_num_threads() for library in _libraries()), default=1)
    return allowed if allowed < processors() else max(allowed, 2)


def processors() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class BlasThreads:
    """``with BlasThreads(1): …`` — and the number from before afterwards.

    Entering and leaving costs a few microseconds: a step can afford it, and a notebook's own
    products keep their threads.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._changed: list[list[tuple[Any, int]]] = []  # a list for each time it was entered

    def __enter__(self) -> None:
        changed = []
        for library in _libraries():
            before = library.get_num_threads()
            if before != self.count:
                library.set_num_threads(self.count)
                changed.append((library, before))
        self._changed.append(changed)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for library, before in self._changed.pop():
            library.set_num_threads(before)


@functools.cache
def _libraries() -> list[Any]:
    from threadpoolctl import ThreadpoolController

    return list(ThreadpoolController().select(user_api="blas").lib_controllers)
