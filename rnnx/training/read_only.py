"""Arrays that a component must not change, made read-only while it looks at them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rnnx.arrays import Array
from rnnx.contracts.buffers import Parameters


@contextmanager
def read_only(params: Parameters, others: Iterable[Array | None]) -> Iterator[None]:
    """Inside, whoever writes to these arrays gets a ValueError from NumPy, at the line at fault."""
    views = [array for part in params.values() for array in part.values()]
    given = [array for array in others if array is not None]
    arrays = [array for array in (*views, params.flat, *given) if array.flags.writeable]
    for array in arrays:
        array.flags.writeable = False
    try:
        yield
    finally:
        for array in reversed(arrays):  # a view only after the array that it is a view of
            array.flags.writeable = True
