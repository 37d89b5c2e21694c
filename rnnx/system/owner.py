"""The process that a temporary name belongs to: what a dead one left behind can be deleted."""

from __future__ import annotations

import hashlib
import os
import re
import socket

_OWNER = re.compile(r"([0-9a-f]{8})-([0-9]{1,10})")


def owner() -> str:
    """This process, as a part of a file's name: ``<machine>-<pid>``."""
    return f"{_machine()}-{os.getpid()}"


def is_dead(owner: str) -> bool:
    """Whether the process ``owner`` has ended; False where it may live on another machine."""
    found = _OWNER.fullmatch(owner)
    if found is None or found[1] != _machine():
        return False
    try:
        os.kill(int(found[2]), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # another user's process lives
        return False
    return False


def _machine() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
