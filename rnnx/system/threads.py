"""The number of threads of the BLAS, set for a while and put back."""

from __future__ import annotations

import functools
import os
from types import TracebackType
from typing import Any


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
        for library in blas_libraries():
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
def blas_libraries() -> list[Any]:
    from threadpoolctl import ThreadpoolController

    return list(ThreadpoolController().select(user_api="blas").lib_controllers)
