"""What compiling costs: the kernels of a configuration, function by function, in one process.

python tests/benchmarks/compile_times.py [OVERRIDE …]

CPU seconds with the parts that a kernel is made of, which the first kernel that uses one pays for.
"""

from __future__ import annotations

import os
import sys
import time
from tempfile import TemporaryDirectory
from typing import Any


def main(overrides: list[str]) -> None:
    """Print a row for each kernel, the longest first."""
    import rnnx
    from rnnx.system import kernels

    kernels.HELPERS = 0
    session = rnnx.build([*overrides, "tracker=none", "backend=auto", "steps=2"])
    session.step()
    found = _listen()
    began = time.process_time()
    session.load()
    total = time.process_time() - began
    for seconds, name in sorted(found, reverse=True):
        print(f"{seconds:6.2f}  {name}")
    print(f"{total:6.2f}  all, with loading the compiler")


def _listen() -> list[tuple[float, str]]:
    """A list that is filled with the seconds of each kernel that numba compiles."""
    from numba.core import event

    found: list[tuple[float, str]] = []
    began: list[float] = []

    class Times(event.Listener):  # type: ignore[misc]
        def on_start(self, event: Any) -> None:
            began.append(time.process_time())

        def on_end(self, event: Any) -> None:
            seconds, function = time.process_time() - began.pop(), event.data["dispatcher"].py_func
            if not began:  # no part of another
                found.append((seconds, f"{function.__module__}.{function.__name__}"))

    event.register("numba:compile", Times())
    return found


if __name__ == "__main__":
    with TemporaryDirectory() as cache:
        os.environ["RNNX_CACHE"] = cache
        main(sys.argv[1:])
