"""The one sweep of the folder where a test works."""

from pathlib import Path

from rnnx.runs.sweep_folder import JobResult, Sweep


def only() -> Sweep:
    """Its folder."""
    (path,) = Path("outputs/sweeps").glob("*/sweep.json")
    return Sweep(path.parent)


def outcomes() -> list[JobResult]:
    """What came of its jobs."""
    return only().outcomes()


def statuses() -> list[str]:
    """How they ended."""
    return [outcome.status for outcome in outcomes()]
