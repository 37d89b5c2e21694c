"""The process that forks a sweep's jobs: everything a job needs is imported, no thread runs.

multiprocessing's fork server imports this module, and nothing else does. The server ignores SIGINT
and SIGTERM, which reach the whole group (``timeout``, a scheduler, a terminal that closes): if it
died, the driver would lose the exit status of the jobs. It ends when its driver does. Jobs restore
the default handlers.
"""

from __future__ import annotations

import gc
import os
import signal
from pathlib import Path

from rnnx.system.signals import STOPPING


def _prepare() -> None:
    """Import and make what the jobs need."""
    import rich.console  # noqa: F401
    import safetensors.numpy  # noqa: F401

    from rnnx.sweeps import job  # noqa: F401 - what a job runs
    from rnnx.sweeps.warmup import FOLDER_VARIABLE, warm_up

    if FOLDER_VARIABLE in os.environ:
        warm_up(Path(os.environ[FOLDER_VARIABLE]))


os.setsid()
for _number in STOPPING:
    signal.signal(_number, signal.SIG_IGN)

gc.disable()  # imports make many objects and hardly any garbage: a fifth of the time
_prepare()
gc.set_threshold(10_000)  # as the command line's
gc.enable()
gc.freeze()  # or a job's garbage collector would visit, and so copy, every page it shares
