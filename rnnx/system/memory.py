"""Memory that is free, asked before arrays are made that might not fit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rnnx.errors import OutOfMemory


@contextmanager
def reraise_as(message: str) -> Iterator[None]:
    """Arrays that are too large, in all of NumPy's words for it, as OutOfMemory."""
    try:
        yield
    except (MemoryError, ValueError, OverflowError) as error:
        if isinstance(error, ValueError) and "dimension" not in str(error):
            raise
        raise OutOfMemory(f"{message} ({error})") from None


def refuse_more_than_free(count: int, what: str) -> None:
    """Raise MemoryError if ``count`` bytes are more than the machine has free."""
    free = free_bytes()
    if free is not None and count > free:
        raise MemoryError(f"{what} take {count / 2**30:.1f} GiB of the {free / 2**30:.1f} free")


def free_bytes() -> int | None:
    """The memory that new arrays can have; None where the system does not say."""
    try:
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None
