"""Python imports this at its start where it is on PYTHONPATH: it keeps the CPU time of imports.

Each process writes its seconds into a file of its own in the folder ``IMPORT_TIMES`` as it ends.
``-X importtime`` would count the time of the clock, which a busy machine multiplies.
"""

import atexit
import builtins
import importlib
import os
import time
from collections.abc import Callable
from typing import Any

spent = [0.0]
depth = [0]


def timed(original: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the import system that adds the time of its outermost calls to ``spent``."""

    def call(*arguments: Any, **named: Any) -> Any:
        depth[0] += 1
        began = time.thread_time()
        try:
            return original(*arguments, **named)
        finally:
            depth[0] -= 1
            if not depth[0]:
                spent[0] += time.thread_time() - began

    return call


@atexit.register
def write() -> None:
    """Keep what this process has spent; jobs, which a server has forked, import nothing."""
    with open(os.path.join(os.environ["IMPORT_TIMES"], str(os.getpid())), "w") as file:
        file.write(str(spent[0]))


builtins.__import__ = timed(builtins.__import__)
importlib.import_module = timed(importlib.import_module)
