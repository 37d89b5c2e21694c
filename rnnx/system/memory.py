"""An allocation beyond the machine's free memory as an error, before the system kills us for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rnnx.errors import OutOfMemory


@contextmanager
def within_free_memory(most: int | None = None) -> Iterator[None]:
    """Inside, an array that cannot fit, or takes more than ``most`` bytes, raises MemoryError.

    Linux grants any allocation and ends the process when its pages are touched; a limit on the
    address space, for as long as the arrays are made, brings the refusal forward. Other systems
    refuse by themselves.
    """
    free = free_bytes()
    if free is None:
        yield
        return
    import resource

    if most is not None:
        free = min(free, most)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = _address_space() + free
    if soft != resource.RLIM_INFINITY:
        limit = min(limit, soft)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@contextmanager
def told_as(message: str) -> Iterator[None]:
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
        raise MemoryError(f"{what} take {count / 2**30:.0f} GiB of the {free / 2**30:.0f} free")


def free_bytes() -> int | None:
    """The memory that new arrays can have, where the system tells it."""
    try:
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def _address_space() -> int:
    """Bytes of address space that this process has now."""
    import resource

    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    return pages * resource.getpagesize()
