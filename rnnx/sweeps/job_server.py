"""The server that forks a sweep's jobs, with all that they need already imported, and no thread.

The server alone imports this module. A signal to a whole group (``timeout``, a scheduler, a
terminal that closes) is the driver's to act on. The server goes on until the driver is gone,
because with it all would be lost that it knows of the jobs; a job takes the signals' own meaning
back.
"""

from __future__ import annotations

import gc
import os
import signal
from pathlib import Path

import rich.console  # noqa: F401
import safetensors.numpy  # noqa: F401

from rnnx.sweeps import job  # noqa: F401 - a job's own rooms
from rnnx.sweeps.warmup import VARIABLE, rehearse
from rnnx.system.signals import STOPPING

os.setsid()
for _number in STOPPING:
    signal.signal(_number, signal.SIG_IGN)

if VARIABLE in os.environ:
    rehearse(Path(os.environ[VARIABLE]))
gc.freeze()  # a job's collector would look at all of it, and so copy every page
