"""The number of threads of NumPy's BLAS, for a while."""

from __future__ import annotations

import functools
import os
from typing import Any


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class BlasThreads:
    """``with BlasThreads(1): …`` — afterwards the BLAS has as many threads as before.

    Entering and leaving costs a few microseconds, which a step can afford; so a notebook's own
    products keep their threads.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._changed: list[list[tuple[Any, int]]] = []  # one list for each entering

    def __enter__(self) -> None:
        changed = []
        for library in blas_libraries():
            before = library.get_num_threads()
            if before != self.count:
                library.set_num_threads(self.count)
                changed.append((library, before))
        self._changed.append(changed)

    def __exit__(self, *error: object) -> None:
        for library, before in self._changed.pop():
            library.set_num_threads(before)


@functools.cache
def blas_libraries() -> list[Any]:
    """The BLAS libraries that this process has loaded."""
    from threadpoolctl import ThreadpoolController

    return list(ThreadpoolController().select(user_api="blas").lib_controllers)
