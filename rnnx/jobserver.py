"""What the server that forks a sweep's jobs does first: the server alone imports this.

A signal to a whole group (``timeout``, a scheduler, a terminal that closes) is the driver's to act
on. The server goes on until the driver is gone, because with it all would be lost that it knows of
the jobs; a job takes the signals' own meaning back.
"""

from __future__ import annotations

import os
import signal

from rnnx.signals import STOPPING

os.setsid()
for _name in STOPPING:
    if hasattr(signal, _name):
        signal.signal(getattr(signal, _name), signal.SIG_IGN)
