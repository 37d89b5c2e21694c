"""Memory that is free, asked before arrays are made that might not fit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rnnx.errors import OutOfMemory

CGROUPS = Path("/sys/fs/cgroup")


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
    """The memory that new arrays can have; None where the system does not say.

    That is the least of what the machine has, what the control group (a container, a job of a
    cluster) has left, and what the process may still ask for (``ulimit -v``).
    """
    found = [_machine(), *map(_group, _groups()), _process()]
    return min((count for count in found if count is not None), default=None)


def _machine() -> int | None:
    return _field(Path("/proc/meminfo"), "MemAvailable:", 1024)


def _groups() -> list[Path]:
    """The control groups of this process, the innermost first (version 2)."""
    try:
        lines = Path("/proc/self/cgroup").read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return []
    own = next((Path(line.removeprefix("0::/")) for line in lines if line.startswith("0::/")), None)
    return [] if own is None else [CGROUPS / part for part in (own, *own.parents)]


def _group(group: Path) -> int | None:
    try:
        limit = int((group / "memory.max").read_text("ascii"))  # "max": no limit
        used = int((group / "memory.current").read_text("ascii"))
    except (OSError, ValueError):
        return None
    # Files that were read count as used until the memory is needed.
    cached = _field(group / "memory.stat", "inactive_file ", 1) or 0
    return max(0, limit - used + cached)


def _process() -> int | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    used = _field(Path("/proc/self/status"), "VmSize:", 1024)
    return None if limit == resource.RLIM_INFINITY or used is None else max(0, limit - used)


def _field(file: Path, name: str, unit: int) -> int | None:
    """The number after ``name`` in a file of the system."""
    try:
        for line in file.read_text("ascii", "replace").splitlines():
            if line.startswith(name):
                return int(line.removeprefix(name).split()[0]) * unit
    except (OSError, ValueError, IndexError):
        pass
    return None
