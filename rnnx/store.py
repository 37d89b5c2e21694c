"""The first address of a tracker's contract: import it from :mod:`rnnx.contracts` instead.

It stays for one minor version.
"""

from rnnx.contracts.trackers import RunLog, Tracker

__all__ = ["RunLog", "Tracker"]
