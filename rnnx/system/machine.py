"""The machine and the libraries that a run is computed with, in words."""

from __future__ import annotations

import functools
import os
import platform
from collections.abc import Mapping
from importlib import metadata

LIBRARIES = ("numpy", "numba")  # what computes


@functools.cache  # the jobs of a sweep are forked from a process that knows it
def machine() -> Mapping[str, str]:
    """Python, the libraries that compute, the system and its processors."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except Exception:  # not installed, or its metadata is damaged
            continue
    return found | {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processors": str(os.cpu_count() or "unknown"),
    }
