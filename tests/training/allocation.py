"""Traces which lines allocate memory, to find those of a time loop that do."""

import sys
import tracemalloc
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = str(Path(__file__).resolve().parents[2])


class Lines:
    """How often each line of the project ran, and the most that it allocated at once.

    A line's peak is read before the next one runs, so what a line makes and drops again at once
    (``h = Wh @ h`` frees the h before) counts as well as what it keeps.
    """

    def __init__(self) -> None:
        self.hits: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self._at, self._base = "", 0

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        """The global and local trace function."""
        self._close()
        if not frame.f_code.co_filename.startswith(ROOT):
            return None  # what it allocates counts for the line that called it
        if event == "line":
            self._at = _place(frame)
            self.hits[self._at] += 1
        elif event == "return" and frame.f_back is not None:
            self._at = _place(frame.f_back)
        self._open()
        return self

    def _close(self) -> None:
        if self._at:
            peak = tracemalloc.get_traced_memory()[1]
            self.most[self._at] = max(self.most[self._at], peak - self._base)

    def _open(self) -> None:
        tracemalloc.reset_peak()
        self._base = tracemalloc.get_traced_memory()[0]

    def large(self, hits: int, size: int) -> list[str]:
        """The lines that ran at least ``hits`` times and once allocated ``size`` bytes or more."""
        return [at for at, most in self.most.items() if self.hits[at] >= hits and most >= size]


def _place(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename.removeprefix(ROOT)}:{frame.f_lineno}"


@contextmanager
def traced() -> Iterator[Lines]:
    """The lines that run inside."""
    lines, before = Lines(), sys.gettrace()
    tracemalloc.start()
    sys.settrace(lines)
    try:
        yield lines
    finally:
        sys.settrace(before)
        tracemalloc.stop()


def peaks(work: Callable[[], object], times: int) -> list[int]:
    """The most that each call held above what there was before the first, in bytes."""
    found = array("q", bytes(8 * times))  # made before: a list that grows would count as well
    tracemalloc.start()
    try:
        start = tracemalloc.get_traced_memory()[0]
        for k in range(times):
            tracemalloc.reset_peak()
            work()
            found[k] = tracemalloc.get_traced_memory()[1] - start
    finally:
        tracemalloc.stop()
    return found.tolist()
