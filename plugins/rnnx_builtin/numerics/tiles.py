"""How many steps are worked on at once, so that what one pass writes the next finds in the cache.

A sequence's arrays (T, n, B) are megabytes: a pass over all of one, then over all of the next,
waits for memory at every number. In pieces of time that fit into the cache the same passes do not.
"""

from __future__ import annotations

from collections.abc import Iterator

CACHE = 256 * 1024  # bytes of one array that stay near the processor beside a few others


def fits(nbytes: int) -> bool:
    """Whether an array of so many bytes stays near the processor."""
    return nbytes <= CACHE


def tiles(T: int, step_bytes: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of the pieces of T steps, the last first: the order of the way back."""
    size = max(1, CACHE // max(step_bytes, 1))
    for stop in range(T, 0, -size):
        yield max(0, stop - size), stop
