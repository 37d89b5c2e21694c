"""How many BLAS threads a run uses: a function of its configuration alone.

Two thread counts sum a product in different orders, so a run that is to be repeated bit for bit
cannot ask the machine of the day how many threads would be nice.
"""

from __future__ import annotations

import functools
from types import TracebackType
from typing import Any

from rnnx.contracts import Cell
from rnnx.settings import Train

SMALL = 256  # hidden units below which a second thread costs more than it brings


def thread_count(settings: Train, cell: Cell) -> int:
    """``threads`` if it is set, else 1 for small cells and 2 for large ones."""
    return settings.threads or (1 if cell.hidden_size < SMALL else 2)


class BlasThreads:
    """``with BlasThreads(1): …`` — and the number from before afterwards.

    Entering and leaving costs a few microseconds: a step can afford it, and a notebook's own
    products keep their threads.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._before: list[int] = []

    def __enter__(self) -> None:
        libraries = _libraries()
        self._before = [library.get_num_threads() for library in libraries]
        self._set([self.count] * len(libraries))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._set(self._before)

    @staticmethod
    def _set(counts: list[int]) -> None:
        for library, count in zip(_libraries(), counts, strict=True):
            if library.get_num_threads() != count:
                library.set_num_threads(count)


@functools.cache
def _libraries() -> list[Any]:
    from threadpoolctl import ThreadpoolController

    return list(ThreadpoolController().select(user_api="blas").lib_controllers)
