"""Times that can be compared: blocks that take turns, medians of them."""

import statistics
import time
from collections.abc import Callable, Mapping

BLOCK = 0.1  # seconds
REST = 0.15  # seconds; a BLAS's threads spin for 0.1 after a call, OpenMP's for 0.02
Work = Callable[[], object]


def medians(
    works: Mapping[str, Work],
    rounds: int,
    clock: Callable[[], float] = time.process_time,
    rest: float = 0.0,
) -> dict[str, float]:
    """Median seconds a call of each, in blocks that take turns.

    A slow minute of the machine then slows all of them alike, and a median forgets it. With
    several threads let everybody ``rest`` between two blocks, or the threads that one leaves
    spinning take processors from the next.
    """
    calls = {name: _calls(work, clock) for name, work in works.items()}
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            time.sleep(rest)
            if calls[name] > 2:
                work()  # the others' data is out of the caches
            found[name].append(_block(work, calls[name], clock))
    return {name: statistics.median(times) for name, times in found.items()}


def _calls(work: Work, clock: Callable[[], float]) -> int:
    for _ in range(2):  # the second step of a session loads its compiled kernels
        work()
    return max(1, round(BLOCK / max(_block(work, 1, clock), 1e-6)))


def _block(work: Work, calls: int, clock: Callable[[], float]) -> float:
    began = clock()
    for _ in range(calls):
        work()
    return (clock() - began) / calls
